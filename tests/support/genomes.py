"""Random genomes, grown by neat-python's own mutations with all of its activations and aggregations."""

from __future__ import annotations

import math
import random
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import neat
import numpy as np
from neat.export import export_network_json
from neat.innovation import InnovationTracker

_CONFIG = """
[NEAT]
fitness_criterion = max
fitness_threshold = 1
no_fitness_termination = false
pop_size = 10
reset_on_extinction = false

[DefaultGenome]
num_inputs = 3
num_outputs = 2
num_hidden = 2
feed_forward = {feed_forward}
compatibility_disjoint_coefficient = 1.0
compatibility_weight_coefficient = 0.5
compatibility_include_node_genes = true
compatibility_enable_penalty = 1.0
compatibility_excess_coefficient = auto
initial_connection = full_direct
single_structural_mutation = false
structural_mutation_surer = false
conn_add_prob = 0.6
conn_delete_prob = 0.25
node_add_prob = 0.4
node_delete_prob = 0.1
activation_default = random
activation_mutate_rate = 0.3
activation_options = {activations}
aggregation_default = random
aggregation_mutate_rate = 0.3
aggregation_options = {aggregations}
enabled_default = True
enabled_mutate_rate = 0.1
enabled_rate_to_true_add = 0.0
enabled_rate_to_false_add = 0.0
{numbers}

[DefaultReproduction]
elitism = 2
survival_threshold = 0.2
min_species_size = 1

[DefaultSpeciesSet]
compatibility_threshold = 3.0

[DefaultStagnation]
species_fitness_func = max
max_stagnation = 20
species_elitism = 2
"""

_NUMBER = """
{0}_init_type = gaussian
{0}_init_mean = {1}
{0}_init_stdev = {2}
{0}_max_value = 5.0
{0}_min_value = -5.0
{0}_mutate_power = 0.4
{0}_mutate_rate = 0.5
{0}_replace_rate = 0.05
"""


@cache
def config(
    activations: str | None = None, aggregations: str | None = None, recurrent: bool = False
) -> neat.Config:
    """A configuration; the functions are all that neat-python has, or those given (blanks between)."""
    every = " ".join(neat.activations.ActivationFunctionSet().functions)
    joins = " ".join(neat.aggregations.AggregationFunctionSet().functions)
    numbers = "".join(_NUMBER.format(*n) for n in (("bias", 0, 0.7), ("response", 1, 0.0), ("weight", 0, 1.0)))
    text = _CONFIG.format(
        activations=activations or every,
        aggregations=aggregations or joins,
        numbers=numbers,
        feed_forward=not recurrent,
    )
    with TemporaryDirectory() as folder:
        path = Path(folder, "config")
        path.write_text(text)
        return neat.Config(
            neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, str(path)
        )


def grown(seed: int, mutations: int = 12, settings: neat.Config | None = None) -> neat.DefaultGenome:
    """The genome of a seed after some mutations, with numbers that float32 holds exactly.

    Leaves Python's generator as it was.
    """
    chosen = (settings or config()).genome_config
    before = random.getstate()
    random.seed(seed)
    try:
        chosen.innovation_tracker = InnovationTracker()
        chosen.node_indexer = None
        genome = neat.DefaultGenome(seed)
        genome.configure_new(chosen)
        for _ in range(mutations):
            genome.mutate(chosen)
    finally:
        random.setstate(before)
    for node in genome.nodes.values():
        node.bias, node.response = float(np.float32(node.bias)), float(np.float32(node.response))
    for connection in genome.connections.values():
        connection.weight = float(np.float32(connection.weight))
    return genome


def network(genome: neat.DefaultGenome, settings: neat.Config | None = None) -> neat.nn.FeedForwardNetwork:
    """The oracle. Its softplus, log(1 + exp(z)), loses digits where the sum rounds to 1, so it gets a better one."""
    net = neat.nn.FeedForwardNetwork.create(genome, settings or config())
    plain = neat.activations.softplus_activation
    net.node_evals = [
        (key, _softplus if activation is plain else activation, *rest) for key, activation, *rest in net.node_evals
    ]
    return net


def _softplus(z: float) -> float:
    return 0.2 * math.log1p(math.exp(max(-60.0, min(60.0, 5.0 * z))))


def outputs_of(net: neat.nn.FeedForwardNetwork, x: np.ndarray) -> np.ndarray:
    """What neat-python computes, sample by sample; NaN for samples at which it raises OverflowError."""
    return np.array([_activate(net, sample.tolist()) for sample in x])


def _activate(net: Any, sample: list[float]) -> list[float]:
    try:
        return net.activate(sample)
    except OverflowError:  # z ** 2 and z ** 3 of Python's floats
        return [math.nan] * len(net.output_nodes)


def exported(genome: neat.DefaultGenome) -> str:
    """The JSON form that neat-python writes."""
    return export_network_json(neat.nn.FeedForwardNetwork.create(genome, config()))
