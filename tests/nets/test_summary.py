"""The table of a net's parameters."""

import numpy as np

import irc

TEXT = """
func.func @mlp(%x: tensor<B x 3 x f32>, %u: tensor<3x500xf32> {irc.param = "u"},
               %v: tensor<500x2xf32> {irc.param = "v"}) -> tensor<B x 2 x f32> {
  %0 = array.contract "bi,io->bo" %x, %u : tensor<B x 3 x f32>, tensor<3x500xf32>
  %y = array.contract "bi,io->bo" %0, %v : tensor<B x 500 x f32>, tensor<500x2xf32>
  func.return %y : tensor<B x 2 x f32>
}
"""


def test_every_parameter_has_a_row_with_name_shape_and_count():
    with irc.compile(TEXT) as net:
        assert net.summary() == (
            "net mlp: 3 inputs, 2 outputs, float32, 10,000 bytes\n"
            "\n"
            "parameter  shape     count\n"
            "--------------------------\n"
            "u          (3, 500)  1,500\n"
            "v          (500, 2)  1,000\n"
            "--------------------------\n"
            "total                2,500"
        )


def test_of_many_parameters_the_middle_is_left_out_and_counted():
    with irc.compile(np.triu(np.ones((30, 30), int), 1)) as net:
        rows = net.summary().splitlines()[4:-2]
        names = list(net.params)
        assert len(names) == 435 and len(rows) == 41
        assert [row.split()[0] for row in (*rows[:20], *rows[21:])] == [*names[:20], *names[-20:]]
        assert rows[20].split() == ["...", "395", "more", "395"]


def test_a_net_without_parameters_has_a_table_without_rows():
    text = """func.func @f(%x: tensor<B x f32>) -> tensor<B x f32> {
  func.return %x : tensor<B x f32>
}
"""
    with irc.compile(text) as net:
        assert net.summary().splitlines()[-1].split() == ["total", "0"]
