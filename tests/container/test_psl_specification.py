"""The specification and its tests agree; its examples and golden files are what the code writes."""

import ast
import json
import re
from pathlib import Path

import psl_forge as forge
import pytest

from pseudocodec.container import Chunk, Geometry, read_single, write_single

FORMAT = Path(__file__).parents[2] / "formats" / "psl"
SPECIFICATION = (FORMAT / "README.md").read_text(encoding="utf-8")
RULES = re.findall(r"^\| M(\d+) \|.*\| `(\w+)` \|$", SPECIFICATION, re.MULTILINE)
ARCHIVES = ["container-archive", "container-archive-geometry"]


def golden(name):
    fields = json.loads((FORMAT / "golden" / f"{name}.json").read_text(encoding="utf-8"))
    chunks = tuple(Chunk(tag.encode(), bytes.fromhex(data)) for tag, data in fields["chunks"])
    return (FORMAT / "golden" / f"{name}.psl").read_bytes(), fields, chunks


def size(fields):
    return Geometry(*fields["geometry"]) if fields["geometry"] else None


def test_every_rule_has_its_named_test_and_vice_versa():
    named = {
        node.name
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and re.match(r"test_m\d", node.name)
    }
    assert {test for _, test in RULES} == named
    assert [int(rule) for rule, _ in RULES] == list(range(1, len(named) + 1))
    assert all(test.startswith(f"test_m{int(rule):02d}_") for rule, test in RULES)


def test_the_text_mentions_every_rule_it_lists_and_no_other():
    text = SPECIFICATION.split("\n## Rules")[0]
    mentioned = {int(rule) for rule in re.findall(r"\bM(\d+)\b", text)}
    # M29 and M32 are about the two programming interfaces, not about bytes.
    assert mentioned == {int(rule) for rule, _ in RULES} - {29, 32}


@pytest.mark.parametrize("name", ["container-single", "container-archive"])
def test_worked_example_is_the_golden_file(name):
    (dump,) = re.findall(rf"```hexdump {name}\.psl\n(.*?)```", SPECIFICATION, re.DOTALL)
    lines = [line.split(": ") for line in dump.splitlines()]
    assert [int(offset, 16) for offset, _ in lines] == list(range(0, 16 * len(lines), 16))
    assert bytes.fromhex("".join(row for _, row in lines)) == golden(name)[0]


def test_golden_single_is_read():
    data, fields, chunks = golden("container-single")
    result = read_single(data)
    assert result.model_id.hex() == fields["model_id"]
    assert result.payload.hex() == fields["payload"]
    assert (result.geometry, result.chunks, result.verified) == (size(fields), chunks, True)


def test_golden_single_is_reproduced():
    data, fields, chunks = golden("container-single")
    model_id, payload = bytes.fromhex(fields["model_id"]), bytes.fromhex(fields["payload"])
    assert write_single(model_id, payload, geometry=size(fields), chunks=chunks) == data


@pytest.mark.parametrize("name", ARCHIVES)
def test_golden_archive_is_read(name):
    data, fields, chunks = golden(name)
    reader = forge.open_archive(data)
    assert reader.model_id.hex() == fields["model_id"]
    assert (reader.geometry, reader.chunks) == (size(fields), chunks)
    assert reader.block_images == fields["block_images"]
    for i, expected in enumerate(fields["records"]):
        record = reader.record(i)
        assert forge.to_bits(record.payload, record.nbits) == expected["bits"]
        assert record.geometry == size(expected)
    assert reader.count == len(fields["records"])


@pytest.mark.parametrize("name", ARCHIVES)
def test_golden_archive_is_reproduced(name):
    data, fields, chunks = golden(name)
    geometries = [size(record) for record in fields["records"]]
    written = forge.write_archive(
        [record["bits"] for record in fields["records"]],
        geometries=geometries if fields["record_geometry"] else None,
        chunks=chunks,
        block_images=fields["block_images"],
    )
    assert written == data
