"""A user's own CSV: read alike in every way to write it, and refused with file, line and column."""

import csv
import gzip
import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pandas
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.datasets import customers
from twotrack.shared.datasets import files
from twotrack.shared.datasets.csv_rows import read_rows
from twotrack.shared.datasets.customer import Customer
from twotrack.shared.datasets.files import DataFile, sha256_of
from twotrack.shared.errors import UserError

FILE = Path("mine.csv")
TABLE = customers.table(30)
COLUMNS = tuple(TABLE.columns)
EXPECTED = read_rows(TABLE.to_csv(index=False), FILE, Customer)
FLAGS = ("female", "senior_citizen", "partner", "dependents", "phone_service", "paperless_billing")
WITH_INTERNET = ("online_security", "online_backup", "device_protection", "tech_support", "streaming_tv")
SERVICE = "'No', 'Yes', 'No internet service'"
MONTHS = "whole months from 0 to 1,000,000,000"
AMOUNT = "a number from 0 to 1,000,000,000"
SO_FAR = f"{AMOUNT}, or NA or nothing where tenure is 0"
REMEDY = "correct the file and run the command again."


def read(text: str) -> list[Customer]:
    return read_rows(text, FILE, Customer)


def message(text: str) -> str:
    with pytest.raises(UserError) as caught:
        read(text)
    return str(caught.value)


def with_cell(row: int, column: str, text: str, **others: str) -> str:
    """Return the table as CSV with one cell, and cells of the same row, replaced."""
    table = TABLE.copy()
    for name, value in {column: text, **others}.items():
        table.loc[row, name] = value
    return table.to_csv(index=False)


def test_rows_are_those_that_pandas_reads():
    table = pandas.read_csv(io.StringIO(TABLE.to_csv(index=False)))

    assert [customer.model_dump() for customer in EXPECTED] == table[list(Customer.model_fields)].to_dict("records")


@given(
    order=st.permutations([*COLUMNS, "customer_id", "note"]),
    note=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n")),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_order_quotes_line_ends_and_further_columns_make_no_difference(
    order: list[str], note: str, quoting: int, line_end: str
):
    table = TABLE.assign(customer_id=[f"C,{number}" for number in range(30)], note=note)

    assert read(table[order].to_csv(index=False, quoting=quoting, lineterminator=line_end)) == EXPECTED


@pytest.mark.parametrize("encode", [str.encode, lambda text: text.encode("utf-8-sig")], ids=["plain", "BOM"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_byte_order_mark_and_gzip_make_no_difference(tmp_path: Path, encode: Callable, pack: Callable):
    file = tmp_path / "mine.csv"
    file.write_bytes(pack(encode(TABLE.to_csv(index=False))))

    text = DataFile(file, sha256_of(file), "again").text()

    assert read(text) == EXPECTED


def test_blank_lines_and_a_missing_last_line_end_make_no_difference():
    lines = TABLE.to_csv(index=False).splitlines()

    assert read("\n".join(["", lines[0], "", *lines[1:5], "", "", *lines[5:]])) == EXPECTED


@pytest.mark.parametrize(
    ("column", "text", "number"),
    [
        ("tenure", "34.0", 34),
        ("tenure", " 34 ", 34),
        ("female", "1.0", 1),
        ("monthly_charges", "7.5e1", 75.0),
        ("monthly_charges", "0", 0.0),
        ("total_charges", "1000000000", 1e9),
    ],
)
def test_numbers_may_be_written_as_programs_write_them(column: str, text: str, number: float):
    assert getattr(read(with_cell(3, column, text))[3], column) == number


@given(st.floats(0, 1e9))
def test_numbers_are_read_exactly(number: float):
    assert read(with_cell(0, "monthly_charges", repr(number)))[0].monthly_charges == number


@pytest.mark.parametrize("missing", ["NA", "", " "])
def test_a_missing_total_is_0_where_tenure_is_0(missing: str):
    assert read(with_cell(4, "total_charges", missing, tenure="0"))[4].total_charges == 0.0


@pytest.mark.parametrize("missing", ["NA", ""])
@pytest.mark.parametrize("tenure", ["1", "72"])
def test_a_missing_total_is_refused_where_something_was_charged(missing: str, tenure: str):
    found = message(with_cell(4, "total_charges", missing, tenure=tenure))

    assert found == f"mine.csv, line 6, column 'total_charges': expected {SO_FAR}, found '{missing}'; {REMEDY}"


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "total_charges"])
@pytest.mark.parametrize("missing", ["NA", ""])
def test_nothing_else_may_be_missing(column: str, missing: str):
    found = message(with_cell(4, column, missing, **({} if column == "tenure" else {"tenure": "0"})))

    assert f"mine.csv, line 6, column '{column}': expected " in found
    assert f", found '{missing}'; {REMEDY}" in found


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("churn", "one of 'No', 'Yes'"),
        ("multiple_lines", "one of 'No', 'Yes', 'No phone service'"),
        ("internet_service", "one of 'No', 'DSL', 'Fiber optic'"),
        *((column, f"one of {SERVICE}") for column in (*WITH_INTERNET, "streaming_movies")),
        ("contract", "one of 'Month-to-month', 'One year', 'Two year'"),
        (
            "payment_method",
            "one of 'Electronic check', 'Mailed check', 'Bank transfer (automatic)', 'Credit card (automatic)'",
        ),
    ],
)
@pytest.mark.parametrize("text", ["Maybe", "yes", " Yes", "Yes\u00a0", "1"])
def test_an_unknown_category_is_refused_with_the_known_ones(column: str, expected: str, text: str):
    found = message(with_cell(7, column, text))

    assert found == f"mine.csv, line 9, column '{column}': expected {expected}, found {text!r}; {REMEDY}"


@pytest.mark.parametrize(
    ("columns", "expected", "texts"),
    [
        (FLAGS, "0 or 1", ("2", "-1", "0.5", "Yes", "nan", "true")),
        (("tenure",), MONTHS, ("-1", "1.5", "twelve", "nan", "inf", "1e3", "1000000001", "9" * 50)),
        (("monthly_charges",), AMOUNT, ("-0.01", "$70", "70,35", "nan", "inf", "-inf", "1e400", "1000000000.5")),
        (("total_charges",), SO_FAR, ("-1", "many", "NaN", "Infinity", "N/A", "1.234,50")),
    ],
    ids=["flags", "months", "amount", "so far"],
)
def test_what_is_no_such_number_is_refused(columns: tuple[str, ...], expected: str, texts: tuple[str, ...]):
    for column in columns:
        for text in texts:
            found = message(with_cell(29, column, text))
            assert found == f"mine.csv, line 31, column '{column}': expected {expected}, found '{text}'; {REMEDY}"


def test_the_first_thing_that_is_wrong_is_reported():
    table = TABLE.copy()
    table.loc[[3, 20], "contract"] = "Three year"
    table.loc[3, "streaming_movies"] = "Perhaps"

    assert "line 5, column 'streaming_movies'" in message(table.to_csv(index=False))


def test_the_line_is_the_one_an_editor_shows_when_rows_span_lines_and_lines_are_blank():
    table = TABLE.assign(note="one\ntwo\r\nthree")
    table.loc[2, "contract"] = "Three year"

    lines = "\n" + table.to_csv(index=False).replace('three"\n', 'three"\n\n', 1)

    row = lines[: lines.index("Three year")].count("\n") + 1
    assert f"line {row}, column 'contract'" in message(lines)
    assert row == 2 + 3 + 1 + 3 + 1


def test_a_long_or_odd_text_is_quoted_briefly_and_in_one_line():
    found = message(with_cell(1, "contract", "a\nb" + "x" * 10_000))

    assert "found 'a\\nbxxx" in found
    assert len(found) < 300
    assert "\n" not in found


@pytest.mark.parametrize("missing", [("contract",), ("churn", "tenure"), COLUMNS[1:]], ids=len)
def test_missing_columns_are_all_named_with_what_stands_there_instead(missing: tuple[str, ...]):
    table = TABLE.rename(columns={name: name.upper() for name in missing})

    found = message(table.to_csv(index=False))

    listed = set(found.split("too: ")[1].split("; found")[0].split(", "))
    assert found.startswith("mine.csv, line 1: expected a header with these columns too: ")
    assert listed == {f"'{name}'" for name in missing}
    assert f"found instead: '{missing[0].upper()}'" in found


def test_a_missing_column_with_nothing_instead_is_named():
    found = message(TABLE.drop(columns="partner").to_csv(index=False))

    assert found == (
        "mine.csv, line 1: expected a header with these columns too: 'partner'; found instead: nothing; "
        "separate the columns by commas and run the command again."
    )


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_is_refused_with_what_to_do(separator: str):
    found = message(TABLE.to_csv(index=False, sep=separator))

    assert all(f"'{name}'" in found for name in COLUMNS)
    assert f"found instead: {separator.join(COLUMNS)[:60]!r}; separate the columns by commas" in found


@pytest.mark.parametrize("column", ["tenure", "churn"])
def test_a_column_that_stands_twice_is_refused(column: str):
    table = pandas.concat([TABLE, TABLE[column]], axis=1)

    assert message(table.to_csv(index=False)) == (
        f"mine.csv, line 1: expected each column once, found more than once: '{column}'; {REMEDY}"
    )


def test_further_columns_may_share_a_name():
    table = pandas.concat([TABLE, TABLE["partner"].rename(""), TABLE["partner"].rename("")], axis=1)

    assert read(table.to_csv(index=False)) == EXPECTED


@pytest.mark.parametrize(
    ("change", "found"),
    [(lambda line: line + ",1", 21), (lambda line: line.rsplit(",", 1)[0], 19), (lambda _: " ", 1)],
    ids=["more", "fewer", "one"],
)
def test_another_number_of_fields_is_refused(change: Callable[[str], str], found: int):
    lines = TABLE.to_csv(index=False).splitlines()
    lines[11] = change(lines[11])

    expected = f"mine.csv, line 12: expected 20 fields, as in the header, found {found}; {REMEDY}"
    assert message("\n".join(lines)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [('"Yes', "unexpected end of data"), ('"Yes"x', "',' expected after '\"'"), ("x" * 200_000, "field larger than")],
)
def test_quotes_that_do_not_close_are_refused_with_the_line_where_the_row_begins(text: str, reason: str):
    lines = TABLE.to_csv(index=False).splitlines()
    lines[11] = f"{text},{lines[11]}"

    found = message("\n".join(lines))

    assert found.startswith("mine.csv, line 12: expected fields separated by commas, each quote closed; found: ")
    assert reason in found
    assert found.endswith(REMEDY)


@pytest.mark.parametrize("text", ["", "\n", "\r\n\r\n"])
def test_an_empty_file_is_refused_with_the_columns_it_needs(text: str):
    found = message(text)

    assert found.startswith("mine.csv is empty: expected a header with the columns 'tenure', 'monthly_charges'")
    assert all(f"'{name}'" in found for name in COLUMNS)


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_header_without_rows_is_refused(end: str):
    assert message(",".join(COLUMNS) + end) == f"mine.csv: expected rows below the header, found none; {REMEDY}"


@pytest.mark.parametrize(("before", "line"), [("", 1), ("a,b\n", 2), ("a\r\nb\r\n", 3), ("a\rb\rc\r", 4), ("é\n", 2)])
def test_what_is_not_utf_8_is_refused_with_byte_and_line(tmp_path: Path, before: str, line: int):
    file = tmp_path / "latin.csv"
    file.write_bytes(before.encode() + b"caf\xe9,1\n")

    with pytest.raises(UserError) as caught:
        DataFile(file, sha256_of(file), "again").text()

    assert str(caught.value) == (
        f"{file}, line {line}: expected UTF-8 text, found the byte 0xe9; save the file as UTF-8 and run the command "
        "again."
    )


def test_utf_16_is_refused(tmp_path: Path):
    file = tmp_path / "wide.csv"
    file.write_text(TABLE.to_csv(index=False), encoding="utf-16")

    with pytest.raises(UserError, match="line 1: expected UTF-8 text, found the byte 0xff"):
        DataFile(file, sha256_of(file), "again").text()


PACKED = gzip.compress(b"text" * 99, mtime=0)


@pytest.mark.parametrize(
    "content",
    [PACKED[:-9], PACKED[:2], b"\x1f\x8bno gzip at all", PACKED[:-1] + b"x", PACKED[:10] + b"\xff" * 20],
    ids=["truncated", "magic number only", "unknown method", "wrong length", "no deflate stream"],
)
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, content: bytes):
    file = tmp_path / "packed.csv.gz"
    file.write_bytes(content)

    with pytest.raises(UserError, match=r"packed\.csv\.gz is no whole gzip file: .*; again\."):
        DataFile(file, sha256_of(file), "again").text()


@given(st.text(alphabet=st.sampled_from('",\n\r\0\ufeffNo1éx ')) | st.text())
@example('"')
def test_whatever_a_file_holds_is_read_or_refused_in_words(text: str):
    for content in (text, ",".join(COLUMNS) + "\n" + text, TABLE.to_csv(index=False) + text):
        with suppress(UserError):
            assert read(content)[:30] == EXPECTED


def test_the_schema_names_every_column_of_the_embedded_table_and_every_category_in_it():
    table = customers.table(None)

    assert set(Customer.model_fields) == set(table.columns)
    for name, field in Customer.model_fields.items():
        if known := get_args(field.annotation):
            assert set(known) == set(table[name])


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_text_that_is_too_long_is_not_unpacked_whole(tmp_path: Path, pack: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "LARGEST_TEXT", 2**20)
    path = tmp_path / "long.csv"
    path.write_bytes(pack(bytes(2**24)))

    with pytest.raises(UserError, match="expected a text of at most 1 MiB, found a longer one"):
        files.csv_file(path, "name another").text()
