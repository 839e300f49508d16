"""Labels by a rule on file names, and from tables."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.evaluation.labels import RuleLabels, TableLabels, labels_of
from clay_assets.store import Store

NAMES = {"filename": ["a/one.jpg", "a/two.jpg", "b/three.jpg"]}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Parus_major_M_0012.jpg", "Parus_major"),  # genus, species, sex, number
        ("Parus_major.jpg", "Parus_major"),
        ("birds/great/Parus_major_1.tif", "Parus_major"),
        ("birds_of_norway/Parus_major_1.tif", "Parus_major"),
        ("Parus.jpg", None),
        ("Parus_major_side.view.png", "Parus_major"),
        ("parts_of/Parus.jpg", None),
    ],
)
def test_the_note_s_rule_takes_the_first_two_parts(name, label):
    assert RuleLabels("genus_species").of({"filename": [name, "Aa_bb_1.jpg"]})[0] == label


def test_an_expression_s_group_is_the_label():
    assert RuleLabels(r"^(\w)/").of(NAMES) == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("(", r"label rule '\(' is neither 'genus_species' nor a regular expression: missing"),
        ("a", r"label rule 'a' must be 'genus_species' or have one group .* it has 0"),
        ("(a)(b)", r"it has 2, and `\(\?:...\)` is none"),
    ],
)
def test_a_wrong_rule_is_refused(rule, message):
    with pytest.raises(InvalidValueError, match=message):
        RuleLabels(rule)


def test_a_rule_that_matches_nothing_is_refused():
    message = r"label rule '\(x\)y' matches no file name, such as 'a/one.jpg'"
    with pytest.raises(InvalidValueError, match=message):
        RuleLabels("(x)y").of(NAMES)


@pytest.fixture
def table(tmp_path):
    def write(text, name="labels.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_a_table_labels_what_it_lists(table):
    path = table("filename,label\na/one.jpg,x\nb/three.jpg,7\na/two.jpg,\nelse.jpg,x\n")
    assert TableLabels(path).of(NAMES) == ["x", None, "7"]


def test_numbers_are_labels_too(tmp_path):
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"chip_id": ["c1", "c2"], "class": [3, None]}), path)
    names = {"filename": ["c1.tif", "c2.tif"], "chip_id": ["c1", "c2"]}
    assert TableLabels(path, "class").of(names) == ["3", None]


def test_chips_are_found_by_id_or_by_file_name(table):
    names = {"filename": ["c1.tif", "c2.tif"], "chip_id": ["c1", "c2"]}
    assert TableLabels(table("filename,label\nc2.tif,x\n")).of(names) == [None, "x"]
    assert TableLabels(table("chip_id,label\nc2,x\n")).of(names) == [None, "x"]
    both = table("filename,chip_id,label\nother,c2,x\n")
    assert TableLabels(both).of(names) == [None, "x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename,class\na,x\n", r"labels.csv has no column 'label'; it has filename, class"),
        ("name,label\na,x\n", r"has no column 'filename' or 'chip_id'; it has name, label"),
        (
            "filename,label\na,x\na,y\n",
            r"labels.csv gives filename a two labels, 'x' and 'y'",
        ),
        ("filename,label\na,x,y\n", r"must be a CSV or Parquet file, and it cannot be read"),
    ],
)
def test_a_wrong_table_is_refused(table, text, message):
    with pytest.raises(InvalidValueError, match=message):
        TableLabels(table(text))


def test_a_table_of_other_files_is_refused(table):
    path = table("chip_id,label\nc9,x\n")
    message = r"has none of the embedded files: its chip_id is such as 'c9', that of .* 'a/one.jpg'"
    with pytest.raises(InvalidValueError, match=message):
        TableLabels(path).of(NAMES)


def test_a_table_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFoundError, match=r"label table .*none.csv does not exist"):
        labels_of(str(tmp_path / "none.csv"))


def test_a_path_is_a_table_and_all_else_a_rule(table):
    assert isinstance(labels_of(str(table("filename,label\na,x\n"))), TableLabels)
    assert isinstance(labels_of("genus_species"), RuleLabels)


def test_a_table_may_lie_on_s3(s3_bucket):
    url = f"s3://{s3_bucket}/tables"
    Store(url, Path()).write_bytes("labels.csv", b"filename,label\na/one.jpg,x\n")
    assert labels_of(f"{url}/labels.csv").of(NAMES) == ["x", None, None]
    with pytest.raises(NotFoundError, match=rf"label table {url}/none.csv does not exist"):
        labels_of(f"{url}/none.csv")


def test_a_column_of_lists_has_no_labels(tmp_path):
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.table({"filename": ["a"], "label": [[["x"]]]}), path)
    message = r"labels.parquet must have texts or numbers in filename, label, and has string, list"
    with pytest.raises(InvalidValueError, match=message):
        TableLabels(path)
