import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from keras_mer.data import RefusedPickleError, load_object_npz, load_pickle


def same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            same(found[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        if expected.dtype == object:
            same(found.tolist(), expected.tolist())
        else:
            np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


def objects(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("protocol", "old_names"),
    [(protocol, False) for protocol in range(6)] + [(protocol, True) for protocol in range(4)],
)
def test_data_is_read_as_it_was_written(protocol, old_names):
    shared = [1, 2]
    data = {
        "floats": np.arange(6, dtype="float32").reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">i4"),
        "words": np.array(["was", "schön", "很好"]),
        "bytes": np.array([b"a", b"bc"]),
        "empty": np.zeros((0, 4)),
        "bools": np.array([True, False]),
        "objects": objects({"a": np.float64(1.5)}, [1, [2]], None),
        "numbers": (1, -2, 2**80, 1.5, 2 + 1j, True, None, np.float32(0.1), np.int64(7)),
        "strings": ["text", "", "很好", b"", b"raw\xff", bytearray(b"x")],
        "sets": [{1, 2}, frozenset({"a"}), set()],
        "nested": OrderedDict([(("video", 3), [shared, shared])]),
        "many": list(range(3000)),
    }
    written = pickle.dumps(data, protocol)
    if old_names:
        written = written.replace(b"numpy._core.", b"numpy.core.")
    found = load_pickle(written)
    same(found, data)
    assert found["nested"]["video", 3][0] is found["nested"]["video", 3][1]
    found["floats"][0, 0] = 5


def test_pickles_of_python_2():
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    state = b"(I1\n(I2\ntcnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
    raw = b"I00\nS'\\x00\\x00\x80?\\x00\\x00\\x00@'\ntb."
    assert load_pickle(array + state + raw).tolist() == [1.0, 2.0]


class Runs:
    """Its pickle calls a function with arguments."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class Plain:
    pass


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda mark: Runs(os.system, f"touch {mark}"), f"{os.system.__module__}.system"),
        (lambda mark: Runs(eval, f"open({str(mark)!r}, 'w')"), "eval"),
        (lambda mark: [1, {"deep": Runs(open, str(mark), "w")}], "open"),
        (lambda mark: objects(Runs(os.mkdir, str(mark))), "mkdir"),
        (lambda mark: Runs(getattr, "text", "upper"), "getattr"),
        (lambda mark: Plain(), "_reconstructor|Plain"),
        (lambda mark: Plain, "Plain"),
        (lambda mark: np.load, "load"),
    ],
)
def test_code_is_refused_by_name_before_it_runs(protocol, make, name, tmp_path, monkeypatch):
    monkeypatch.setattr(Plain, "__module__", "pickle")
    monkeypatch.setattr(pickle, "Plain", Plain, raising=False)
    mark = tmp_path / "ran"
    with pytest.raises(RefusedPickleError, match=rf"wants .*({name}), which is no array"):
        load_pickle(pickle.dumps(make(mark), protocol))
    assert not mark.exists()


def test_the_old_ways_to_build_objects_are_refused_by_name():
    with pytest.raises(RefusedPickleError, match=r"INST of os system"):
        load_pickle(b"(S'true'\nios\nsystem\n.")
    with pytest.raises(RefusedPickleError, match="PERSID of somewhere"):
        load_pickle(b"Psomewhere\n.")


def crafted_array(dtype_code, dtype_state, state):
    """A pickle of an array whose dtype and state are chosen freely."""

    class Array:
        def __reduce__(self):
            from numpy._core.multiarray import _reconstruct

            return _reconstruct, (np.ndarray, (0,), b"b"), state(Dtype())

    class Dtype:
        def __reduce__(self):
            return np.dtype, (dtype_code, False, True), dtype_state

    return pickle.dumps(Array(), 3)


FLOATS = (3, "<", None, None, None, -1, -1, 0)
FIELDS = (3, "|", None, ("a",), {"a": (np.dtype("f8"), 0)}, 8, 1, 0)
TOO_FEW = "does not take the"


def of_shape(*shape, data=b"A" * 8):
    """The state of an array, given its dtype."""
    return lambda dtype: (1, shape, dtype, 0, data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        # bytes that pose as pointers, through the flags or the fields of a dtype
        (crafted_array("O8", FLOATS, of_shape(1)), "without its objects"),
        (crafted_array("V8", FIELDS, of_shape(1)), "dtype 'V8'; only plain"),
        (crafted_array("f8", FLOATS, of_shape(10**12)), TOO_FEW),
        (crafted_array("f8", FLOATS, of_shape(-1)), TOO_FEW),
        (crafted_array("O8", FLOATS, of_shape(10**12, data=[1])), TOO_FEW),
        (crafted_array("f8", FLOATS, of_shape((0,), 10**9)), "without a shape"),
        # an array of a billion numbers, uninitialised, by a name that is known
        (
            b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(J\xff\xff\xff\x7ftU\x01btR.",
            "asks for an array in a way",
        ),
        (b"cnumpy\nndarray\n(J\xff\xff\xff\x7ft\x85R.", "calls something that makes no array"),
        # claims of lengths and places that are not there
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.", "damaged or cut short"),
        (b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x.", "damaged or cut short"),
        (b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"N", "damaged or cut short"),
        (b"\x80\x02j\xff\xff\xff\x7f.", "damaged or cut short"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f1.", "damaged or cut short"),
        # the same megabyte, used for one array after the other
        (
            b"B"
            + struct.pack("<I", 10**5)
            + b"A" * 10**5
            + b"q\x000"
            + b"cbuiltins\nbytearray\nq\x010"
            + b"h\x01h\x00\x85R0" * 10
            + b"N.",
            "asks for more memory",
        ),
        (b"", "is empty"),
        (b"garbage", "damaged or cut short"),
        (pickle.dumps([1]) + pickle.dumps([2]), "goes on for"),
        (pickle.dumps(np.ndarray), "does not end in one piece of data"),
        (pickle.dumps([np.ndarray]), "uses a function or a class as data"),
    ],
)
def test_crafted_and_damaged_pickles_are_refused(data, message):
    with pytest.raises(RefusedPickleError, match=message):
        load_pickle(data)


def test_every_cut_is_noticed():
    written = pickle.dumps({"a": np.arange(4.0), "b": [1, "two"]})
    for end in range(len(written)):
        with pytest.raises(RefusedPickleError):
            load_pickle(written[:end])


def test_any_damaged_byte_gives_data_or_a_refusal():
    written = bytearray(pickle.dumps({"a": objects([1], {"b": np.arange(3)}), "c": {1, 2}}, 2))
    generator = np.random.default_rng(0)
    for _ in range(2000):
        damaged = bytearray(written)
        for place in generator.integers(0, len(written), 3):
            damaged[place] = generator.integers(256)
        try:
            load_pickle(bytes(damaged))
        except RefusedPickleError:
            continue


DEEP = 200_000


@pytest.mark.parametrize(
    "data",
    [
        b"]" * DEEP + b"a" * (DEEP - 1) + b".",
        b"N" + b"\x85" * DEEP + b".",
        b"}" + b")" + b"\x85" * DEEP + b"Ns.",
        b"(" * DEEP + b"N" + b"t" * DEEP + b".",
    ],
)
def test_deep_nesting_is_refused(data):
    with pytest.raises(RefusedPickleError, match="more than 100 deep"):
        load_pickle(data)


def test_an_object_that_contains_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(RefusedPickleError, match="contains itself"):
        load_pickle(pickle.dumps(loop))


def test_a_key_that_takes_forever_to_hash_is_refused():
    doubled = b")" + b"2\x86" * 15  # a tuple of itself twice, fifteen times over
    with pytest.raises(RefusedPickleError, match="flat tuples"):
        load_pickle(b"}" + doubled + b"Ns.")


@pytest.mark.parametrize("leaf", [[1], np.ones(100_000)])
def test_data_that_unfolds_without_end_is_refused(leaf):
    doubled = leaf
    for _ in range(40):
        doubled = [doubled, doubled]
    with pytest.raises(RefusedPickleError, match="unfolds to far more than the bytes it holds"):
        load_pickle(pickle.dumps(doubled))
    assert len(load_pickle(pickle.dumps([leaf] * 10))) == 10


def test_limits_are_the_callers(tmp_path):
    path = tmp_path / "list.pkl"
    path.write_bytes(pickle.dumps([[[1]]]))
    assert load_pickle(path) == [[[1]]]
    with pytest.raises(RefusedPickleError, match="more than the 5 of max_bytes"):
        load_pickle(path, max_bytes=5)
    with pytest.raises(RefusedPickleError, match="more than 2 deep"):
        load_pickle(path, max_depth=2)
    with pytest.raises(FileNotFoundError):
        load_pickle(tmp_path / "absent.pkl")


def test_object_npz(tmp_path):
    path = tmp_path / "label.npz"
    labels = np.array({"a_1": {"emo": 0, "val": np.float64(-1.2)}}, dtype=object)
    plain = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.savez_compressed(path, labels=labels, plain=plain, many=objects([1], "two"))
    found = load_object_npz(path)
    same(found, {"labels": labels, "plain": plain, "many": objects([1], "two")})
    with pytest.raises(RefusedPickleError, match="unpacks to"):
        load_object_npz(path, max_bytes=10)


def test_a_malicious_object_npz_is_refused(tmp_path):
    path, mark = tmp_path / "bad.npz", tmp_path / "ran"
    np.savez(path, labels=objects(Runs(os.mkdir, str(mark))))
    with pytest.raises(RefusedPickleError, match=r"labels\.npy in .* wants .*mkdir"):
        load_object_npz(path)
    assert not mark.exists()


def header(shape, descr):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"shape": shape, "fortran_order": False, "descr": descr}
    )
    return file.getvalue()


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (b"nonsense", "not a NumPy array"),
        (header((10**12,), "<f8") + b"few", "does not take the 3 bytes"),
        (header((2,), "|O") + pickle.dumps(objects(1)), "object array of its header"),
        (header((1,), "|O"), "damaged or cut short"),
        (header((1,), [("a", "|O")]), "expected numbers, strings or objects"),
    ],
)
def test_a_damaged_object_npz_is_refused(tmp_path, member, message):
    path = tmp_path / "bad.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member)
    with pytest.raises(RefusedPickleError, match=message):
        load_object_npz(path)
    path.write_bytes(b"no zip")
    with pytest.raises(RefusedPickleError, match=r"not an \.npz file"):
        load_object_npz(path)


def test_public_pickles_are_read(real_data):
    words = load_pickle(real_data / "mosi_word_dev/raw/phase1/data/MOSI/dev.pkl")
    assert len(words) == 229
    (_, visual, acoustic, _), label, _ = words[0]
    assert visual.shape[1] == 47
    assert acoustic.shape[1] == 74
    assert label.shape == (1, 1)
    labels = load_object_npz(real_data / "labels/raw/MERBench/dataset/sims-process/label.npz")
    assert len(labels["train_corpus"].item()) == 1368
