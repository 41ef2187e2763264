"""What came before the event that frees it: explained where the session shows it, silent elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmpconf.check.practice import holders
from qmpconf.findings import Finding
from tests.check.practice.stage import Stage, found, names

DUPLICATE = "Duplicate device ID 'nic0'"


def nic(stage: Stage) -> int:
    """A network card with its backend; gives the line of the card."""
    stage.does("netdev_add", type="user", id="n0")
    return stage.does("device_add", driver="virtio-net-pci", id="nic0", netdev="n0")


def judged(stage: Stage, path: Path) -> list[Finding]:
    stage.close()
    return found(stage.write(path))


def early(stage: Stage, path: Path) -> Finding:
    """The one finding, which blames the client."""
    (one,) = judged(stage, path)
    assert (one.requirement, one.severity, one.blame) == ("practice.too-early", "warning", "client")
    return one


# --- devices -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["nic0", "/machine/peripheral/nic0"])
def test_a_device_that_is_added_again_too_early(tmp_path: Path, path: str) -> None:
    stage = Stage()
    nic(stage)
    gone = stage.does("device_del", id=path)
    line = stage.refused(DUPLICATE, "device_add", driver="virtio-net-pci", id="nic0")
    one = early(stage, tmp_path / "t")
    assert (one.line, one.message) == (line, "device 'nic0' is still being unplugged")
    assert one.expected == "the event DEVICE_DELETED of 'nic0' first"
    assert f"device_del in line {gone}" in one.seen
    assert one.answer == f"GenericError: {DUPLICATE}"


def test_a_device_that_the_session_did_not_add(tmp_path: Path) -> None:
    """It stood on the server's command line."""
    stage = Stage()
    stage.does("device_del", id="nic0")
    stage.refused(DUPLICATE, "device_add", driver="virtio-net-pci", id="nic0")
    assert early(stage, tmp_path / "t").message == "device 'nic0' is still being unplugged"


def test_a_device_that_is_asked_to_go_twice(tmp_path: Path) -> None:
    stage = Stage()
    nic(stage)
    gone = stage.does("device_del", id="nic0")
    words = "Device nic0 is already in the process of unplug"
    stage.refused(words, "device_del", id="nic0")
    assert f"device_del in line {gone}," in early(stage, tmp_path / "t").seen


def test_the_backend_of_a_device_that_is_not_gone(tmp_path: Path) -> None:
    """QEMU takes the network away at any time."""
    stage = Stage()
    nic(stage)
    stage.does("device_del", id="nic0")
    line = stage.does("netdev_del", id="n0")
    one = early(stage, tmp_path / "t")
    assert one.line == line
    assert one.message == "device 'nic0' is still being unplugged, and uses netdev 'n0'"
    assert one.answer == ""


def test_a_backend_for_a_second_device(tmp_path: Path) -> None:
    stage = Stage()
    nic(stage)
    stage.does("device_del", id="nic0")
    words = "Property 'virtio-net-device.netdev' can't take value 'n0', it's in use"
    stage.refused(words, "device_add", driver="virtio-net-pci", id="nic1", netdev="n0")
    assert "and uses netdev 'n0'" in early(stage, tmp_path / "t").message


def test_a_disk_under_a_device_that_is_not_gone(tmp_path: Path) -> None:
    stage = Stage()
    stage.does("blockdev-add", driver="null-co", node__name="disk")
    stage.does("device_add", driver="virtio-blk-pci", id="vda", drive="disk")
    stage.does("device_del", id="vda")
    stage.refused("Node disk is in use", "blockdev-del", node__name="disk")
    stage.event("DEVICE_DELETED", device="vda", path="/machine/peripheral/vda")
    stage.does("blockdev-del", node__name="disk")
    assert "and uses block node 'disk'" in early(stage, tmp_path / "t").message


def test_libvirts_manner_has_no_finding(tmp_path: Path) -> None:
    """The event, then the backend, then the same names again."""
    stage = Stage()
    for _ in range(3):
        nic(stage)
        stage.does("device_del", id="nic0")
        stage.event("DEVICE_DELETED", path="/machine/peripheral/nic0/virtio-backend")
        stage.event("DEVICE_DELETED", device="nic0", path="/machine/peripheral/nic0")
        stage.does("netdev_del", id="n0")
    assert judged(stage, tmp_path / "t") == []


def test_an_event_that_comes_before_the_answer(tmp_path: Path) -> None:
    """A device that needs no guest is gone at once; nothing of it is left."""
    stage = Stage()
    nic(stage)
    stage.sends("device_del", id="nic0")
    stage.event("DEVICE_DELETED", device="nic0", path="/machine/peripheral/nic0")
    stage.returns()
    stage.does("netdev_del", id="n0")
    stage.refused(DUPLICATE, "device_add", driver="virtio-net-pci", id="nic0")
    stage.wait(60)
    assert names(judged(stage, tmp_path / "t")) == ["failed"]


def test_a_device_del_that_was_refused_begins_nothing(tmp_path: Path) -> None:
    stage = Stage()
    nic(stage)
    stage.refused("Bus 'pcie.0' does not support hotplugging", "device_del", id="nic0")
    stage.refused(DUPLICATE, "device_add", driver="virtio-net-pci", id="nic0")
    stage.does("netdev_del", id="n0")
    stage.wait(60)
    assert names(judged(stage, tmp_path / "t")) == ["failed", "failed"]


def test_a_device_that_the_guest_kept(tmp_path: Path) -> None:
    stage = Stage()
    nic(stage)
    stage.does("device_del", id="nic0")
    stage.event("DEVICE_UNPLUG_GUEST_ERROR", device="nic0", path="/machine/peripheral/nic0")
    stage.does("netdev_del", id="n0")
    stage.wait(60)
    assert names(judged(stage, tmp_path / "t")) == ["work-failed"]


def test_what_a_gap_may_hold_is_not_judged(tmp_path: Path) -> None:
    stage = Stage()
    nic(stage)
    stage.does("device_del", id="nic0")
    stage.gap()
    stage.does("netdev_del", id="n0")
    stage.refused(DUPLICATE, "device_add", driver="virtio-net-pci", id="nic0")
    stage.wait(60)
    assert "too-early" not in names(judged(stage, tmp_path / "t"))


# --- unplugs -----------------------------------------------------------------------------------


def test_an_unplug_that_never_ended(tmp_path: Path) -> None:
    stage = Stage()
    nic(stage)
    line = stage.does("device_del", id="nic0")
    stage.wait(30)
    (one,) = judged(stage, tmp_path / "t")
    assert (one.requirement, one.severity, one.blame) == ("practice.unplug", "note", "nobody")
    assert (one.line, one.message) == (line, "device 'nic0' was told to go, and did not")
    assert one.seen == "none within 30.0 s, up to the end of the session"


def test_an_unplug_that_has_hardly_begun(tmp_path: Path) -> None:
    stage = Stage()
    nic(stage)
    stage.does("device_del", id="nic0")
    assert judged(stage, tmp_path / "t") == []


# --- block nodes, objects, character devices ---------------------------------------------------


@pytest.mark.parametrize(
    ("make", "uses", "remove", "words", "says"),
    [
        (
            ("object-add", {"qom-type": "throttle-group", "id": "x"}),
            ("blockdev-add", {"driver": "throttle", "node-name": "y", "throttle-group": "x"}),
            ("object-del", {"id": "x"}),
            "object 'x' is in use, can not be deleted",
            "block node 'y' uses object 'x'",
        ),
        (
            ("object-add", {"qom-type": "iothread", "id": "x"}),
            ("device_add", {"driver": "virtio-blk-pci", "id": "y", "iothread": "x"}),
            ("object-del", {"id": "x"}),
            "object 'x' is in use, can not be deleted",
            "device 'y' uses object 'x'",
        ),
        (
            ("blockdev-add", {"driver": "null-co", "node-name": "x"}),
            ("blockdev-add", {"driver": "qcow2", "node-name": "y", "backing": "x", "file": {}}),
            ("blockdev-del", {"node-name": "x"}),
            "Node x is in use",
            "block node 'y' uses block node 'x'",
        ),
        (
            ("blockdev-add", {"driver": "null-co", "node-name": "x"}),
            ("blockdev-add", {"driver": "quorum", "node-name": "y", "children": ["z", "x"]}),
            ("blockdev-del", {"node-name": "x"}),
            "Block device x is in use",
            "block node 'y' uses block node 'x'",
        ),
        (
            ("chardev-add", {"id": "x", "backend": {"type": "null", "data": {}}}),
            ("device_add", {"driver": "usb-serial", "id": "y", "chardev": "x"}),
            ("chardev-remove", {"id": "x"}),
            "Chardev 'x' is busy",
            "device 'y' uses character device 'x'",
        ),
        (
            ("blockdev-add", {"driver": "null-co", "node-name": "x"}),
            ("block-export-add", {"type": "nbd", "id": "y", "node-name": "x"}),
            ("blockdev-del", {"node-name": "x"}),
            "Node x is in use",
            "block export 'y' uses block node 'x'",
        ),
    ],
)
def test_what_is_still_used(
    tmp_path: Path, make: tuple[str, dict[str, object]], uses: tuple[str, dict[str, object]],
    remove: tuple[str, dict[str, object]], words: str, says: str,
) -> None:  # fmt: skip
    stage = Stage()
    stage.does(make[0], **make[1])
    line = stage.does(uses[0], **uses[1])
    stage.refused(words, remove[0], **remove[1])
    one = early(stage, tmp_path / "t")
    assert one.message == says
    assert f"in line {line}" in one.seen


def test_an_export_that_is_still_open(tmp_path: Path) -> None:
    stage = Stage()
    stage.does("block-export-add", type="nbd", id="e", node__name="disk")
    stage.does("block-export-del", id="e")
    stage.refused("Node disk is in use", "blockdev-del", node__name="disk")
    stage.event("BLOCK_EXPORT_DELETED", id="e")
    stage.refused("Node disk is in use", "blockdev-del", node__name="disk")
    findings = judged(stage, tmp_path / "t")
    assert names(findings) == ["too-early", "failed"]
    assert (
        findings[0].message == "block export 'e' is still being closed, and uses block node 'disk'"
    )


def test_a_name_that_is_simply_taken(tmp_path: Path) -> None:
    """Nothing would free it: that is another mistake."""
    stage = Stage()
    nic(stage)
    stage.refused(DUPLICATE, "device_add", driver="virtio-net-pci", id="nic0")
    stage.does("block-export-add", type="nbd", id="e", node__name="disk")
    words = "Block export id 'e' is already in use"
    stage.refused(words, "block-export-add", type="nbd", id="e", node__name="disk")
    assert names(judged(stage, tmp_path / "t")) == ["failed", "failed"]


def test_other_errors_are_not_explained(tmp_path: Path) -> None:
    stage = Stage()
    nic(stage)
    stage.does("device_del", id="nic0")
    stage.refused("No space left on device", "device_add", driver="virtio-net-pci", id="nic0")
    stage.refused("Node other is in use", "blockdev-del", node__name="other")
    assert names(judged(stage, tmp_path / "t")) == ["failed", "failed"]


def test_a_graph_that_has_changed_is_not_guessed_about(tmp_path: Path) -> None:
    stage = Stage()
    stage.does("blockdev-add", driver="null-co", node__name="disk")
    stage.does("device_add", driver="virtio-blk-pci", id="vda", drive="disk")
    stage.does("blockdev-snapshot", node="disk", overlay="overlay")
    stage.refused("Node disk is in use", "blockdev-del", node__name="disk")
    assert names(judged(stage, tmp_path / "t")) == ["failed"]


# --- jobs --------------------------------------------------------------------------------------


def job(stage: Stage, *states: str, command: str = "blockdev-backup", name: str = "j") -> int:
    line = stage.sends(command, job__id=name, device="disk", target="copy", sync="full")
    for state in states:
        stage.event("JOB_STATUS_CHANGE", id=name, status=state)
    stage.returns()
    return line


@pytest.mark.parametrize("node", ["disk", "copy"])
def test_a_node_under_a_job(tmp_path: Path, node: str) -> None:
    stage = Stage()
    line = job(stage, "created", "running")
    stage.refused(f"Node {node} is in use", "blockdev-del", node__name=node)
    one = early(stage, tmp_path / "t")
    assert one.message == f"job 'j' still runs, and uses block node '{node}'"
    assert one.seen == f"blockdev-backup in line {line}; its latest status is running"


def test_a_job_of_a_transaction(tmp_path: Path) -> None:
    stage = Stage()
    data = {"job-id": "j", "device": "disk", "target": "copy", "sync": "full"}
    stage.does("transaction", actions=[{"type": "blockdev-backup", "data": data}])
    stage.refused("Node copy is in use", "blockdev-del", node__name="copy")
    assert early(stage, tmp_path / "t").message.startswith("job 'j' still runs")


def test_a_node_that_an_image_is_made_on(tmp_path: Path) -> None:
    stage = Stage()
    stage.sends("blockdev-create", job__id="j", options={"driver": "qcow2", "file": "f", "size": 1})
    for state in ("created", "running"):
        stage.event("JOB_STATUS_CHANGE", id="j", status=state)
    stage.returns()
    stage.refused("Node 'f' is busy: node is used as a job", "blockdev-del", node__name="f")
    one = early(stage, tmp_path / "t")
    assert one.message == "job 'j' still runs, and uses block node 'f'"


def test_a_second_job_on_the_node(tmp_path: Path) -> None:
    stage = Stage()
    job(stage, "created", "running")
    words = "Node 'copy' is busy: block device is in use by block job: backup"
    stage.refused(words, "blockdev-mirror", job__id="k", device="other", target="copy")
    stage.refused(words, "block_resize", node__name="copy", size=1)
    findings = judged(stage, tmp_path / "t")
    assert names(findings) == ["too-early", "too-early"]


@pytest.mark.parametrize(
    ("states", "says"),
    [
        (("created", "running"), "job 'j' still runs"),
        (("created", "running", "concluded"), "job 'j' has ended, and was not dismissed"),
    ],
)
def test_the_name_of_a_job(tmp_path: Path, states: tuple[str, ...], says: str) -> None:
    stage = Stage()
    job(stage, *states)
    stage.refused("Job ID 'j' already in use", "block-stream", job__id="j", device="other")
    assert early(stage, tmp_path / "t").message == says


@pytest.mark.parametrize("last", [("concluded", "null"), ("null",)])
def test_a_job_that_has_ended_holds_nothing(tmp_path: Path, last: tuple[str, ...]) -> None:
    """Also where it did so before its command was answered."""
    for number, within in enumerate((True, False)):
        stage = Stage()
        job(stage, "created", "running", *(last if within else ()))
        for state in () if within else last:
            stage.event("JOB_STATUS_CHANGE", id="j", status=state)
        stage.refused("Node copy is in use", "blockdev-del", node__name="copy")
        stage.refused("Job ID 'j' already in use", "block-stream", job__id="j", device="other")
        assert names(judged(stage, tmp_path / str(number))) == ["failed", "failed"]


def test_an_old_server_tells_the_end_of_a_job_otherwise(tmp_path: Path) -> None:
    stage = Stage()
    job(stage)
    stage.event("BLOCK_JOB_COMPLETED", device="j", type="backup", len=1, offset=1, speed=0)
    stage.refused("Job ID 'j' already in use", "block-stream", job__id="j", device="other")
    assert names(judged(stage, tmp_path / "t")) == ["failed"]


@pytest.mark.parametrize(
    ("verb", "state", "wait"),
    [
        ("complete", "running", "the event BLOCK_JOB_READY"),
        ("finalize", "running", "the event JOB_STATUS_CHANGE with the status pending first"),
        ("dismiss", "running", "the event JOB_STATUS_CHANGE with the status concluded first"),
        ("cancel", "concluded", "job-dismiss, for the job has ended"),
        ("pause", "waiting", "no pause in that state"),
    ],
)
def test_a_verb_that_came_too_early(tmp_path: Path, verb: str, state: str, wait: str) -> None:
    stage = Stage()
    line = job(stage, "created", state)
    words = f"Job 'j' in state '{state}' cannot accept command verb '{verb}'"
    stage.refused(words, f"job-{verb}", id="j")
    one = early(stage, tmp_path / "t")
    assert one.message == f"job 'j' is {state}, and takes no {verb}"
    assert one.expected.startswith(wait)
    assert f"blockdev-backup in line {line}" in one.seen


# --- anything ----------------------------------------------------------------------------------

_NAMES = st.sampled_from(["a", "b", "", "/machine/peripheral/a"])
_COMMANDS = st.sampled_from(
    ["device_add", "device_del", "netdev_add", "netdev_del", "blockdev-add", "blockdev-del",
     "block-stream", "block-export-add", "block-export-del", "object-add", "object-del",
     "transaction", "blockdev-snapshot", "human-monitor-command"]
)  # fmt: skip
_EVENTS = st.sampled_from(
    ["DEVICE_DELETED", "JOB_STATUS_CHANGE", "BLOCK_JOB_COMPLETED", "BLOCK_EXPORT_DELETED",
     "DEVICE_UNPLUG_GUEST_ERROR", "BLOCK_JOB_CANCELLED"]
)  # fmt: skip
_VALUES = st.one_of(_NAMES, st.none(), st.integers(), st.lists(_NAMES), st.just({"id": "a"}))
_MEMBERS = st.dictionaries(
    st.sampled_from(
        ["id", "node-name", "drive", "netdev", "file", "job-id", "device", "target", "actions",
         "children", "status", "name", "command-line"]
    ),
    _VALUES,
)  # fmt: skip
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("does"), _COMMANDS, _MEMBERS),
        st.tuples(st.just("refused"), _COMMANDS, _MEMBERS),
        st.tuples(st.just("event"), _EVENTS, _MEMBERS),
        st.tuples(st.just("gap"), st.just(""), st.just({})),
    ),
    max_size=30,
)


@given(_STEPS)
def test_any_session(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, dict[str, object]]]) -> None:  # fmt: skip
    """Nothing fails; and what is said to hold a thing was made in this session, and asked for."""
    stage = Stage()
    for kind, name, members in steps:
        if kind == "gap":
            stage.gap()
        elif kind == "event":
            stage.event(name, **members)
        elif kind == "does":
            stage.does(name, **members)
        else:
            stage.refused("Node 'a' is in use, Duplicate ID 'b', busy", name, **members)
    stage.wait(5)
    for one in judged(stage, tmp_path_factory.mktemp("any") / "t"):
        if one.requirement in ("practice.too-early", "practice.unplug"):
            assert one.line > 5
            assert "in line 0" not in one.seen


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "_MOST", 10)
    stage = Stage()
    for number in range(100):
        stage.does("netdev_add", type="user", id=f"n{number}")
        stage.does("device_add", driver="x", id=f"d{number}", netdev=f"n{number}")
        stage.does("device_del", id=f"d{number}")
    stage.wait(60)
    assert len(names(judged(stage, tmp_path / "t"))) <= 10
