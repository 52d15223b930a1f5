"""Malformed files and records, made by hand: what each holds, and what must become of it."""

import gzip
import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


@dataclass(frozen=True)
class Case:
    """One file. good: conversations that come out. refused: record number to rule of what is quarantined.

    says: words that a conversation of the file must hold, because the record was repaired.
    source: settings of its source. name: the file's.
    """

    name: str
    data: bytes
    good: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    says: str = ""
    source: dict[str, Any] = field(default_factory=dict)


def pair(i: int, **more: Any) -> dict[str, Any]:
    return {"prompt": f"question {i}", "response": f"answer {i}", **more}


def lines(*records: Any) -> bytes:
    return b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in records)


def talk(*turns: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(turns), **more}


def turn(role: Any, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


USER, BOT = turn("user", "hi"), turn("assistant", "hello")
LINES = lines(*(pair(i) for i in range(3)))
ARRAY = json.dumps([pair(i) for i in range(3)]).encode()
CSV = b"prompt,response\nquestion 0,answer 0\nquestion 1,answer 1\nquestion 2,answer 2\n"
NOISE = lines(*(pair(i, response=f"{i * 7919 % 104729:x} " * 9) for i in range(400)))


def _line_cases() -> list[Case]:
    """One bad line between two good ones: rule None means that it is read after all."""
    table: list[tuple[str, bytes, str | None]] = [
        ("cut in a string", b'{"prompt": "a', "bad_json"),
        ("cut after a key", b'{"prompt"', "bad_json"),
        ("no value", b'{"prompt": }', "bad_json"),
        ("trailing comma", b'{"prompt": "a", "response": "b",}', "bad_json"),
        ("single quotes", b"{'prompt': 'a', 'response': 'b'}", "bad_json"),
        ("bare keys", b'{prompt: "a", response: "b"}', "bad_json"),
        ("comment before", b'// note {"prompt": "a", "response": "b"}', "bad_json"),
        ("comment inside", b'{"prompt": "a", /* b */ "response": "b"}', "bad_json"),
        ("python constants", b'{"prompt": "a", "response": None}', "bad_json"),
        ("missing brace", b'{"prompt": "a", "response": "b"', "bad_json"),
        ("extra brace", b'{"prompt": "a", "response": "b"}}', "bad_json"),
        ("two objects on a line", b'{"prompt": "a", "response": "b"}{"prompt": "c", "response": "d"}', "bad_json"),
        ("missing comma", b'{"prompt": "a" "response": "b"}', "bad_json"),
        ("semicolons", b'{"prompt": "a"; "response": "b"}', "bad_json"),
        ("invalid escape", b'{"prompt": "a\\q", "response": "b"}', "bad_json"),
        ("short unicode escape", b'{"prompt": "\\u12", "response": "b"}', "bad_json"),
        ("raw tab in a string", b'{"prompt": "a\tb", "response": "b"}', "bad_json"),
        ("raw control character", b'{"prompt": "a\x01b", "response": "b"}', "bad_json"),
        ("zeros", b"\0" * 64, "bad_json"),
        ("prose", b"and then nothing", "bad_json"),
        ("html", b"<html><body>502</body></html>", "bad_json"),
        ("deep nesting", b"[" * 200_000, "bad_json"),
        ("deep objects", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "bad_json"),
        ("a number of 5,000 digits", b'{"prompt": ' + b"9" * 5000 + b', "response": "b"}', "bad_json"),
        ("latin-1", '{"prompt": "café", "response": "b"}'.encode("latin-1"), "invalid_utf8"),
        ("cp1252 quotes", b'{"prompt": "\x93a\x94", "response": "b"}', "invalid_utf8"),
        ("cut character", b'{"prompt": "\xe2\x82", "response": "b"}', "invalid_utf8"),
        ("overlong slash", b'{"prompt": "\xc0\xaf", "response": "b"}', "invalid_utf8"),
        ("surrogate as utf-8", b'{"prompt": "\xed\xa0\x80", "response": "b"}', "invalid_utf8"),
        ("lone high surrogate", b'{"prompt": "\\ud83d", "response": "b"}', "invalid_utf8"),
        ("lone low surrogate", b'{"prompt": "a", "response": "\\ude00"}', "invalid_utf8"),
        ("escaped zero", b'{"prompt": "a\\u0000b", "response": "b"}', "nul_character"),
        ("50 MB line", b'{"prompt": "' + b"a" * 50_000_000 + b'", "response": "b"}', "too_large"),
        ("null", b"null", "wrong_type"),
        ("true", b"true", "wrong_type"),
        ("number", b"17", "wrong_type"),
        ("string", b'"hello"', "wrong_type"),
        ("list", b'["a", "b"]', "wrong_type"),
        ("empty list", b"[]", "wrong_type"),
        ("empty object", b"{}", "missing_columns"),
        ("misspelt reply", b'{"prompt": "a", "reponse": "b"}', "no_reply"),
        ("null reply", b'{"prompt": "a", "response": null}', "no_reply"),
        ("empty reply", b'{"prompt": "a", "response": ""}', "no_reply"),
        ("blank reply", b'{"prompt": "a", "response": " \\n\\t "}', "no_reply"),
        ("NaN reply", b'{"prompt": "a", "response": NaN}', "no_reply"),
        ("infinite reply", b'{"prompt": "a", "response": -Infinity}', "no_reply"),
        ("reply beyond floats", b'{"prompt": "a", "response": 1e999}', "no_reply"),
        ("list of nothing", b'{"prompt": "a", "response": [null, ""]}', "no_reply"),
        ("null prompt", b'{"prompt": null, "response": "b"}', "no_prompt"),
        ("blank prompt", b'{"prompt": "  ", "response": "b"}', "no_prompt"),
        ("object as prompt", b'{"prompt": {"a": 1}, "response": "b"}', "wrong_type"),
        ("object as reply", b'{"prompt": "a", "response": {"b": 1}}', "wrong_type"),
        ("list of objects", b'{"prompt": "a", "response": [{"b": 1}]}', "wrong_type"),
        ("number as reply", b'{"prompt": "a", "response": 42}', None),
        ("bool as reply", b'{"prompt": "a", "response": false}', None),
        ("list as reply", b'{"prompt": "a", "response": ["b", "c"]}', None),
        ("duplicate keys", b'{"prompt": "a", "prompt": "z", "response": "b"}', None),
        ("byte order mark inside", b'\xef\xbb\xbf{"prompt": "a", "response": "b"}', None),
        ("spaces around", b'   {"prompt": "a", "response": "b"}  \t', None),
        ("escaped solidus", b'{"prompt": "a\\/b", "response": "b"}', None),
        ("surrogate pair", b'{"prompt": "\\ud83d\\ude00", "response": "b"}', None),
        ("escaped controls", b'{"prompt": "a\\u0007\\u001b[31m", "response": "b"}', None),
        ("unused column of another type", b'{"prompt": "a", "response": "b", "extra": {"x": [1, {}]}}', None),
        ("deep unused column", b'{"prompt": "a", "response": "b", "x": ' + b"[" * 900 + b"]" * 900 + b"}", None),
        ("formula", b'{"prompt": "=1+1", "response": "=HYPERLINK(\\"x\\")"}', None),
    ]
    stray = lines(*(pair(i) for i in range(40)), {"instruction": "a", "output": "b", "chosen": "c", "rejected": "d"})
    return [
        Case("line: a record of another shape", stray, 41, {}),
        *_single_lines(table),
    ]


def _single_lines(table: list[tuple[str, bytes, str | None]]) -> list[Case]:
    return [
        Case(
            f"line: {name}",
            lines(pair(0), line + b"\n", pair(2)),
            2 + (rule is None),
            {1: rule} if rule else {},
        )
        for name, line, rule in table
    ]


def _turn_cases() -> list[Case]:
    """One record of messages between two good ones."""
    table: list[tuple[str, Any, str | None]] = [
        ("no messages", {"id": 1}, "missing_columns"),
        ("null messages", {"messages": None}, "wrong_type"),
        ("messages as text", {"messages": "hello"}, "wrong_type"),
        ("messages as object", {"messages": {"user": "a"}}, "wrong_type"),
        ("messages as number", {"messages": 7}, "wrong_type"),
        ("messages as broken JSON text", {"messages": '[{"role": "user"'}, "wrong_type"),
        ("empty messages", talk(), "no_reply"),
        ("null turn", talk(None, BOT), "wrong_type"),
        ("turn as text among objects", talk("hi", BOT), "wrong_type"),
        ("turn as list", talk(["user", "hi"], BOT), "wrong_type"),
        ("turn without role", talk({"content": "hi"}, BOT), "wrong_type"),
        ("null role", talk(turn(None, "hi"), BOT), "wrong_type"),
        ("bool role", talk(turn(True, "hi"), BOT), "wrong_type"),
        ("role as list", talk(turn(["user"], "hi"), BOT), "wrong_type"),
        ("three unknown speakers", talk(turn("ann", "a"), turn("bob", "b"), turn("cy", "c")), "unknown_role"),
        ("unknown role beside both known", talk(USER, BOT, turn("referee", "foul")), "unknown_role"),
        ("empty role", talk(USER, BOT, turn("", "who")), "unknown_role"),
        ("only user", talk(USER, turn("user", "anyone?")), "no_reply"),
        ("only assistant", talk(BOT), "no_prompt"),
        ("only system", talk(turn("system", "be kind")), "no_reply"),
        ("reply before any prompt", talk(BOT, USER), "no_reply"),
        ("empty contents", talk(turn("user", ""), turn("assistant", " ")), "no_reply"),
        ("content as number", talk(turn("user", 3), BOT), "wrong_type"),
        ("content as bool", talk(turn("user", True), BOT), "wrong_type"),
        ("content as object", talk(turn("user", {"text": "hi"}), BOT), None),
        ("content as parts without text", talk(turn("user", [{"type": "image"}]), BOT), "missing_part"),
        ("zero in a turn", talk(turn("user", "a\0b"), BOT), "nul_character"),
        ("surrogate in a turn", talk(turn("user", "\ud800"), BOT), "invalid_utf8"),
        ("surrogate in the identifier", talk(USER, BOT, id="\udfff"), "invalid_utf8"),
        ("zero in the identifier", talk(USER, BOT, id="a\0"), "nul_character"),
        ("turns nested in a list", talk([USER, BOT]), "wrong_type"),
        (
            "content as parts",
            talk(turn("user", [{"type": "text", "text": "hi"}, {"type": "text", "text": "there"}]), BOT),
            None,
        ),
        ("content as strings", talk(turn("user", ["hi", "there"]), BOT), None),
        ("null content of a tool call", talk(USER, turn("assistant", None), BOT), None),
        ("two unknown speakers", talk(turn("ann", "a"), turn("bob", "b")), None),
        ("numbered speakers", talk(turn(0, "a"), turn(1, "b")), None),
        ("roles in capitals and spaces", talk(turn(" USER ", "hi"), turn("Assistant", "hello")), None),
        ("system last", talk(USER, BOT, turn("system", "be kind")), None),
        ("consecutive turns of one role", talk(USER, USER, BOT, BOT), None),
        ("assistant first", talk(BOT, USER, BOT), None),
        ("user last", talk(USER, BOT, USER), None),
        ("identifier as number", talk(USER, BOT, id=12), None),
        ("identifier as float", talk(USER, BOT, id=1.5), None),
        ("identifier as list", talk(USER, BOT, id=["a"]), None),
        ("identifier as object", talk(USER, BOT, id={"a": 1}), None),
        ("null identifier", talk(USER, BOT, id=None), None),
        ("empty identifier", talk(USER, BOT, id=""), None),
        ("messages as JSON text", {"messages": json.dumps([USER, BOT])}, None),
        ("metadata of another type", talk(USER, BOT, topic={"a": 1}), None),
        ("messages as texts", {"messages": ["hi", "hello"]}, None),
    ]
    return [
        Case(
            f"turns: {name}",
            lines(talk(USER, BOT, id="c0"), record, talk(USER, BOT, id="c2")),
            2 + (rule is None),
            {1: rule} if rule else {},
        )
        for name, record, rule in table
    ]


def _array_cases() -> list[Case]:
    elements: list[tuple[str, bytes, str]] = [
        ("no value", b'{"prompt": }', "bad_json"),
        ("single quotes", b"{'prompt': 'a'}", "bad_json"),
        ("bare word", b"undefined", "bad_json"),
        ("null", b"null", "wrong_type"),
        ("number", b"3", "wrong_type"),
        ("nested array", b"[[]]", "wrong_type"),
        ("bad bytes", b'{"prompt": "\xff\xfe", "response": "b"}', "invalid_utf8"),
        ("deep", b"[" * 100_000 + b"]" * 100_000, "bad_json"),
        ("trailing comma in it", b'{"prompt": "a", "response": "b",}', "bad_json"),
        ("comment", b"/* x */", "bad_json"),
    ]
    cases = [
        Case(
            f"array: {name}",
            b"[" + json.dumps(pair(0)).encode() + b",\n" + element + b",\n" + json.dumps(pair(2)).encode() + b"]",
            2,
            {1: rule},
        )
        for name, element, rule in elements
    ]
    return [
        *cases,
        Case("array: cut in a record", ARRAY[:-9], 2, {2: "truncated"}),
        Case("array: cut between records", ARRAY[: ARRAY.index(b"}, {") + 2], 1, {1: "truncated"}),
        Case("array: never closed", ARRAY[:-1], 3, {3: "truncated"}),
        Case("array: trailing comma", ARRAY[:-1] + b",]", 3),
        Case("array: double commas", ARRAY.replace(b"}, {", b"},, {"), 3),
        Case("array: no commas", ARRAY.replace(b"}, {", b"} {"), 3),
        Case("array: text after the end", ARRAY + b" and more", 3, {3: "bad_json"}),
        Case("array: empty", b"[]", 0, {0: "empty_file"}),
        Case("array: of nothing", b"[null, null]", 0, {0: "unknown_shape"}),
        Case("array: only opened", b"[", 0, {0: "truncated"}),
        Case("array: with a byte order mark", b"\xef\xbb\xbf" + ARRAY, 3),
        Case("array: wrapped", json.dumps({"data": json.loads(ARRAY)}).encode(), 3),
        Case("array: wrapped and cut", json.dumps({"data": json.loads(ARRAY)}).encode()[:-20], 2, {2: "truncated"}),
        Case("json: one object over lines", json.dumps(pair(0), indent=2).encode(), 1),
        Case(
            "json: objects one after the other", b"".join(json.dumps(pair(i), indent=1).encode() for i in range(3)), 3
        ),
        Case("json: single number", b"[1]", 0, {0: "unknown_shape"}),
        Case("json: only an open brace", b"{", 0, {0: "truncated"}),
    ]


def _table_cases() -> list[Case]:
    head = b"prompt,response\n"
    return [
        Case("table: too few fields.csv", CSV + b"alone\n", 3, {3: "ragged_row"}),
        Case("table: too many fields.csv", CSV + b"a,b,c\n", 3, {3: "ragged_row"}),
        Case("table: unquoted comma.csv", CSV + b"well, yes,no\n", 3, {3: "ragged_row"}),
        Case("table: stray quote.csv", CSV + b'say "hi",yes\n', 4, says='say "hi"'),
        Case("table: text after a quote.csv", CSV + b'"a" b,yes\n', 4, says="a b"),
        Case("table: quote never closed.csv", CSV + b'q,"open\nx,y\n', 3, {3: "bad_csv"}),
        Case("table: quote never closed, at the end.csv", CSV + b'q,"', 3, {3: "bad_csv"}),
        Case("table: field over lines.csv", CSV + b'"a\nb","c\r\nd"\n', 4, says="a\nb"),
        Case("table: doubled quotes.csv", CSV + b'"say ""hi""",yes\n', 4, says='say "hi"'),
        Case("table: 17 MB field.csv", CSV + b"q," + b"a" * 17_000_000 + b"\nx,y\n", 4, {3: "too_large"}),
        Case("table: zero byte.csv", CSV + b"a\0b,yes\n", 3, {3: "nul_character"}),
        Case("table: latin-1 row.csv", CSV + "café,oui\n".encode("latin-1"), 3, {3: "invalid_utf8"}),
        Case("table: empty reply.csv", CSV + b"q,\n", 3, {3: "no_reply"}),
        Case("table: empty prompt.csv", CSV + b",a\n", 3, {3: "no_prompt"}),
        Case("table: only commas.csv", CSV + b",\n", 3, {3: "no_prompt"}),
        Case("table: blank lines.csv", CSV.replace(b"\n", b"\n\n"), 3),
        Case("table: no newline at the end.csv", CSV.rstrip(), 3),
        Case("table: mixed line ends.csv", CSV.replace(b"\n", b"\r\n", 2), 3),
        Case("table: carriage returns.csv", CSV.replace(b"\n", b"\r"), 3),
        Case("table: byte order mark.csv", b"\xef\xbb\xbf" + CSV, 3),
        Case("table: semicolons.csv", CSV.replace(b",", b";"), 3),
        Case("table: tabs.tsv", CSV.replace(b",", b"\t"), 3),
        Case("table: pipes.csv", CSV.replace(b",", b"|"), 3),
        Case("table: formulas.csv", CSV + b"=1+1,\"=cmd|' /C calc'!A0\"\n", 4, says="=1+1"),
        Case("table: spaces around names.csv", CSV.replace(head, b" prompt , response \n"), 3),
        Case("table: quoted names.csv", CSV.replace(head, b'"prompt","response"\n'), 3),
        Case("table: a column twice.csv", b"prompt,response,response\nq,a,b\n", 1),
        Case("table: only a header.csv", head, 0, {0: "empty_file"}),
        Case("table: unknown names.csv", b"a,b\n1,2\n", 0, {0: "unknown_shape"}),
        Case("table: one column.csv", b"notes\nhello\n", 0, {0: "unknown_shape"}),
        Case("table: no header.csv", b"How do I get there?,Take the tram.\nWhen?,At nine.\n", 0, {0: "no_header"}),
        Case("table: numbered, no header.csv", b"1,hello,hi\n2,bye,ciao\n", 0, {0: "no_header"}),
        Case("table: utf-16 from Excel.csv", CSV.replace(b",", b"\t").decode().encode("utf-16"), 3),
        Case(
            "table: cp1252 as the profile says.csv",
            CSV + "café,“oui”\n".encode("cp1252"),
            4,
            says="“oui”",
            source={"encoding": "cp1252"},
        ),
        Case(
            "table: cp1252 with an unknown byte.csv",
            CSV + b"a\x81,b\n",
            3,
            {3: "invalid_utf8"},
            source={"encoding": "cp1252"},
        ),
    ]


def _encoding_cases() -> list[Case]:
    text = LINES.decode().replace("question 1", "сколько 😀")
    cut = text.encode("utf-16")[:-21]
    alone = text.encode("utf-16-le").replace("😀".encode("utf-16-le"), b"\x3d\xd8 \0")
    return [
        Case("encoding: utf-8 with a mark", b"\xef\xbb\xbf" + LINES, 3),
        Case("encoding: utf-16", text.encode("utf-16"), 3, says="сколько 😀"),
        Case("encoding: utf-16 big-endian", b"\xfe\xff" + text.encode("utf-16-be"), 3, says="сколько 😀"),
        Case("encoding: utf-16 without a mark", text.encode("utf-16-le"), 3, says="сколько 😀"),
        Case("encoding: utf-16 big-endian without a mark", text.encode("utf-16-be"), 3, says="сколько 😀"),
        Case("encoding: utf-32", text.encode("utf-32"), 3, says="сколько 😀"),
        Case("encoding: utf-16 array", b"\xff\xfe" + ARRAY.decode().encode("utf-16-le"), 3),
        Case("encoding: utf-16 in gzip", gzip.compress(text.encode("utf-16")), 3),
        Case("encoding: utf-16 cut inside a character", cut, 2, {2: "truncated"}),
        Case("encoding: utf-16 with half a pair", b"\xff\xfe" + alone, 2, {1: "invalid_utf8"}),
        Case("encoding: gb18030 as the profile says", text.encode("gb18030"), 3, source={"encoding": "gb18030"}),
        Case("encoding: latin-1 in one line", LINES + '{"prompt": "é"}\n'.encode("latin-1"), 3, {3: "invalid_utf8"}),
        Case("encoding: carriage returns", LINES.replace(b"\n", b"\r"), 3),
        Case("encoding: mixed line ends", LINES.replace(b"\n", b"\r\n", 1), 3),
        Case("encoding: line separators in a text", lines(pair(0, response="a\u2028b")), 1),
        Case("encoding: zeros at the end", LINES + b"\0" * 4096, 3, {3: "bad_json"}),
        Case("encoding: no newline at the end", LINES.rstrip(), 3),
        Case("encoding: last line cut", LINES[:-9], 2, {2: "bad_json"}),
        Case("encoding: blank lines", b"\n\n" + LINES.replace(b"\n", b"\n \n"), 3),
    ]


def _gzip_cases() -> list[Case]:
    whole = gzip.compress(LINES)
    return [
        Case("gzip: header only.gz", whole[:10], 0, {0: "unreadable_file"}),
        Case("gzip: half a header.gz", whole[:4], 0, {0: "unreadable_file"}),
        Case("gzip: two bytes.gz", whole[:2], 0, {0: "unreadable_file"}),
        Case("gzip: without its checksum.gz", whole[:-8], 3, {3: "truncated"}),
        Case("gzip: wrong checksum.gz", whole[:-8] + b"\0" * 8, 3, {3: "truncated"}),
        Case("gzip: garbage after the end.gz", whole + b"garbage", 3, {3: "truncated"}),
        Case("gzip: zeros after the end.gz", whole + b"\0" * 512, 3),
        Case("gzip: two members.gz", whole + gzip.compress(lines(pair(3))), 4),
        Case("gzip: second member cut.gz", whole + whole[:12], 3, {3: "truncated"}),
        Case("gzip: of nothing.gz", gzip.compress(b""), 0, {0: "empty_file"}),
        Case("gzip: of blanks.gz", gzip.compress(b" \n \n"), 0, {0: "empty_file"}),
        Case("gzip: inside gzip.gz", gzip.compress(whole), 0, {0: "unknown_format"}),
        Case("gzip: not gzip.gz", LINES, 3),
        Case("gzip: not named so.json", whole, 3),
        Case("gzip: of a csv.gz", gzip.compress(CSV + b"a\n"), 3, {3: "ragged_row"}),
    ]


def _parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, **options)
    return out.getvalue()


def _parquet_cases() -> list[Case]:
    rows = [pair(i) for i in range(3)]
    whole = _parquet(rows)
    damaged = bytearray(_parquet(rows, row_group_size=1, compression="none", use_dictionary=False))
    at = damaged.index(b"question 1")
    damaged[at - 4 : at] = b"\xff\xff\xff\x7f"
    binary = pa.table({"prompt": pa.array([b"a", b"\xff"], pa.binary()), "response": ["b", "c"]})
    out = io.BytesIO()
    pq.write_table(binary, out)
    return [
        Case("parquet: without its footer.parquet", whole[:-30], 0, {0: "unreadable_file"}),
        Case("parquet: footer overwritten.parquet", whole[:-40] + b"x" * 32 + whole[-8:], 0, {0: "unreadable_file"}),
        Case("parquet: footer length too large.parquet", whole[:-8] + b"\xff" * 4 + b"PAR1", 0, {0: "unreadable_file"}),
        Case("parquet: only the magic.parquet", b"PAR1", 0, {0: "unreadable_file"}),
        Case("parquet: magic twice.parquet", b"PAR1PAR1", 0, {0: "unreadable_file"}),
        Case("parquet: first half.parquet", whole[: len(whole) // 2], 0, {0: "unreadable_file"}),
        Case("parquet: second half.parquet", whole[len(whole) // 2 :], 0, {0: "unknown_format"}),
        Case("parquet: one page damaged.parquet", bytes(damaged), 2, {1: "unreadable_file"}),
        Case("parquet: other columns.parquet", _parquet([{"a": 1, "b": 2.5}]), 0, {0: "unknown_shape"}),
        Case("parquet: no rows.parquet", _parquet([], use_dictionary=False), 0, {0: "empty_file"}),
        Case("parquet: null cells.parquet", _parquet([pair(0), pair(1, response=None)]), 1, {1: "no_reply"}),
        Case("parquet: numbers for texts.parquet", _parquet([{"prompt": 1, "response": 2}]), 0, {0: "unknown_shape"}),
        Case("parquet: bytes for texts.parquet", out.getvalue(), 1, {1: "wrong_type"}),
        Case("parquet: struct for text.parquet", _parquet([pair(0, response={"a": "b"})]), 0, {0: "wrong_type"}),
        Case("parquet: list for text.parquet", _parquet([pair(0, response=["b", "c"])]), 1),
        Case(
            "parquet: a column whose name is not text.parquet",
            whole.replace(b"response", b"\xffesponse"),
            0,
            {0: "unreadable_file"},
        ),
        Case("parquet: in gzip.parquet.gz", gzip.compress(whole), 3),
        Case("parquet: in a cut gzip.parquet.gz", gzip.compress(whole)[:-30], 0, {0: "unreadable_file"}),
        Case("parquet: named as json.json", whole, 3),
        Case("parquet: text named so.parquet", LINES, 3),
    ]


def _pretender_cases() -> list[Case]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a.jsonl", LINES)
    tar = b"a.jsonl".ljust(100, b"\0") + b"0000644\0".ljust(157, b"0") + b"ustar\x0000".ljust(255, b"\0") + LINES
    table: list[tuple[str, bytes, str]] = [
        ("empty", b"", "empty_file"),
        ("one newline", b"\n", "empty_file"),
        ("blanks", b" \t\r\n" * 50, "empty_file"),
        ("no-break spaces only", "\u00a0\u00a0\n".encode(), "empty_file"),
        ("record separators only", b"\x1e\x1e\n", "empty_file"),
        ("byte order mark only", b"\xef\xbb\xbf", "empty_file"),
        ("utf-16 mark only", b"\xff\xfe", "empty_file"),
        ("zip", archive.getvalue(), "unknown_format"),
        ("tar", tar, "unknown_format"),
        ("bzip2", b"BZh91AY&SY", "unknown_format"),
        ("xz", b"\xfd7zXZ\0\0", "unknown_format"),
        ("zstandard", b"\x28\xb5\x2f\xfd\x04\x00", "unknown_format"),
        ("7z", b"7z\xbc\xaf\x27\x1c\x00\x04", "unknown_format"),
        ("pdf", b"%PDF-1.7\n%\xe2\xe3\n", "unknown_format"),
        ("old excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "unknown_format"),
        ("arrow", b"ARROW1\0\0", "unknown_format"),
        ("sqlite", b"SQLite format 3\0", "unknown_format"),
        ("png", b"\x89PNG\r\n\x1a\n", "unknown_format"),
        ("program", b"\x7fELF\x02\x01", "unknown_format"),
        ("pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94.", "unknown_format"),
        ("random bytes", bytes((i * 7919 >> 3) % 256 for i in range(5000)), "unknown_format"),
        ("zeros", b"\0" * 5000, "unknown_format"),
        ("html", b"<!DOCTYPE html>\n<html>\n<p>404</p>\n</html>\n", "unknown_format"),
        ("xml", b'<?xml version="1.0"?>\n<a/>\n', "unknown_format"),
        ("yaml", b"- question: a\n- answer: b\n", "unknown_format"),
        ("prose", b"Once upon a time\nthere was a file\n", "unknown_format"),
        ("git lfs pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "unknown_format"),
        ("python", b"import os\nprint(os)\n", "unknown_format"),
        ("records without a conversation", b'{"a": 1}\n{"a": 2}\n', "unknown_shape"),
        ("unknown json", b'{"metadata": {"version": 3}}', "unknown_shape"),
        ("nothing that parses", b'{"prompt": "a"\n{"prompt": "b"\n', "truncated"),
    ]
    return [Case(f"pretender: {name}.json", data, 0, {0: rule}) for name, data, rule in table]


CASES = [
    *_line_cases(),
    *_turn_cases(),
    *_array_cases(),
    *_table_cases(),
    *_encoding_cases(),
    *_gzip_cases(),
    *_parquet_cases(),
    *_pretender_cases(),
]
