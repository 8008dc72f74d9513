"""`.npy` and `.npz` files as sources, and what is wrong with some."""

from __future__ import annotations

import numpy as np
import pytest

import irc
from irc.conversion import graph as graph_from
from irc.ir.diagnostics import Error
from support.graphs import facts

pytestmark = pytest.mark.filterwarnings("ignore::irc.DiagnosticWarning")  # removed neurons are no matter here


def test_array_files_are_read(tmp_path):
    matrix = np.triu(np.ones((4, 4)), 1)
    np.save(tmp_path / "a.npy", matrix)
    with irc.compile(tmp_path / "a.npy", act="tanh") as net:
        assert net.name == "a" and net.params.flat.size == 6
    with irc.compile(str(tmp_path / "a.npy"), outputs=["n02"]) as net:
        assert net.output_size == 1


def test_sparse_files_of_scipy(tmp_path):
    sparse = pytest.importorskip("scipy.sparse")
    graph = graph_from("N 4\nnet \"a\"\n0 2 w=0.5\n1 2 w=0\n2 3 w=-1\n2 : relu\n3 : relu\n")
    for form in ("coo", "csr", "csc"):
        sparse.save_npz(tmp_path / "a.npz", irc.to_sparse(graph).asformat(form))
        assert facts(graph_from(tmp_path / "a.npz")) == facts(graph)
    irc.convert(graph, tmp_path / "b.npz")
    np.testing.assert_array_equal(sparse.load_npz(tmp_path / "b.npz").toarray(), irc.to_sparse(graph).toarray())
    sparse.save_npz(tmp_path / "c.npz", sparse.dia_array(np.diag([1.0], 1)))
    with pytest.raises(Error, match="format dia; convert it"):
        graph_from(tmp_path / "c.npz")


def test_bad_array_files(tmp_path):
    with pytest.raises(Error, match=r"cannot read '.*none.npy'"):
        irc.compile(tmp_path / "none.npy")
    for name in ("a.npy", "a.npz"):
        for data in (b"", b"PK\3\4junk", b"\x93NUMPY", b"hello"):
            (tmp_path / name).write_bytes(data)
            with pytest.raises(Error, match="is not a NumPy array file"):
                irc.compile(tmp_path / name)
    np.save(tmp_path / "o.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises(Error, match="not a NumPy array file"):
        irc.compile(tmp_path / "o.npy")
    np.savez(tmp_path / "z.npz", a=np.zeros(3))
    with pytest.raises(Error, match="no sparse matrix as scipy"):
        irc.compile(tmp_path / "z.npz")
    parts = {"format": "csr", "shape": [2, 2], "data": [1.0], "indices": [1], "indptr": [0, 5, 1]}
    np.savez(tmp_path / "i.npz", **{k: np.array(v) for k, v in parts.items()})
    with pytest.raises(Error, match="broken sparse matrix"):
        irc.compile(tmp_path / "i.npz")
    parts |= {"indptr": [0, 1, 1], "indices": [7]}
    np.savez(tmp_path / "r.npz", **{k: np.array(v) for k, v in parts.items()})
    with pytest.raises(Error, match=r"entry \[0, 7\] of the sparse matrix is outside"):
        irc.compile(tmp_path / "r.npz")
