"""``qmpconf report RESULT...``: results of any verb, merged, in every form that people read."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from qmpconf.cli import options
from qmpconf.cli.corpus import interrupted, say, shared_out
from qmpconf.cli.examples import explain
from qmpconf.cli.results import FORMATS, on_stdout, page, strict
from qmpconf.cli.traces import results_in
from qmpconf.corpus.gathered import Gathered
from qmpconf.corpus.results import LIGHT, ResultTask
from qmpconf.errors import InputError, OutputError, UsageError
from qmpconf.outputs import Outputs, make_folder, write_page
from qmpconf.report.progress import Progress
from qmpconf.report.results.heap import Heap
from qmpconf.report.results.merge import Report, report_of
from qmpconf.report.terminal import Terminal
from qmpconf.text import harmless

_EPILOG = """\
A RESULT is what check, replay, diff, explore, conform, conform-client, schema audit, schema diff,
coverage and stats write with --result FILE; --format json of each verb is the document that is made
of its result here. Several are one report, in whatever order they come: the shards of a CI matrix,
several servers, several verbs. One that was cut off is read as far as it goes, and every view says
so.

formats: text, markdown, html, junit, sarif, json; github (annotations for the log of a GitHub
job, and the step's summary); all (every file, and github within a GitHub job)

examples:
  qmpconf check night/*.qmptrace --result check.qmpresult
  qmpconf report check.qmpresult
  qmpconf report shard-*.qmpresult --format html,sarif -o report
  qmpconf report check.qmpresult --format github -o report
  qmpconf report check.qmpresult --format json | jq '.findings[] | [.path, .line, .message]'

exit codes: that of the results (of several the one that counts most: 130, 4, 3, 2, 1, 0), 1 for
warnings with --strict, or 0 with --exit-zero; 2 usage, 3 a result is cut off or cannot be read, or
a file cannot be written
"""

#: Format -> the file that it makes.
FILES: Mapping[str, str] = {
    "text": "report.txt",
    "markdown": "report.md",
    "html": "report.html",
    "junit": "junit.xml",
    "sarif": "report.sarif",
    "json": "report.json",
}


#: The summary of a GitHub step, where it is not written to the step's own file.
SUMMARY = "summary.md"


def configure(parser: argparse.ArgumentParser) -> None:
    """Take the results, and what is made of them."""
    explain(parser, _EPILOG)
    parser.add_argument(
        "results",
        metavar="RESULT",
        nargs="+",
        help="what --result wrote, or a folder of such files (*.qmpresult); - is stdin",
    )
    parser.add_argument(
        "--format",
        dest="formats",
        metavar="FORMAT",
        action="append",
        type=_formats,
        help="default: text; several: repeat it, or with commas",
    )
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="write files there; without it, one format to stdout"
    )
    options.lines(parser)
    options.force(parser)
    parser.add_argument(
        "--exit-zero", action="store_true", help="exit with 0, whatever the results say"
    )
    strict(parser)
    options.jobs(
        parser, "processes that share the files, if these are large (default: 1, which is as quick)"
    )
    options.quiet(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read, merge, show; the exit code is that of the report."""
    formats = _chosen(arguments)
    paths = list(results_in(arguments.results))
    if arguments.output is not None:
        outputs = Outputs(paths, force=arguments.force)
        for name in formats:
            file = FILES.get(name, SUMMARY)
            outputs.add(os.path.join(arguments.output, file), "page", f"-o: the {name} view in")
        make_folder(arguments.output, "-o")
    arguments.jobs = arguments.jobs or (0 if arguments.workers else 1)
    found = shared_out(arguments, "reading", ResultTask(), paths, light=LIGHT)
    report = _report(arguments, found, paths)
    with Progress("making", len(formats), unit="pages", quiet=arguments.quiet) as progress:
        pages = {name: _page(report, name, arguments, progress) for name in formats}
    if arguments.output is None:
        name, shown = pages.popitem()
        print(shown, end="")
        if name == "github":
            _summarize(report, None)
    else:
        written = _write(report, pages, arguments.output)
        if written and not arguments.quiet:
            print(f"qmpconf report: wrote {', '.join(written)}", file=sys.stderr)
    if arguments.exit_zero and not report.unread:
        return 0
    return report.exit_code


def _formats(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in (*FORMATS, "all"):
            told = ", ".join((*FORMATS, "all"))
            raise argparse.ArgumentTypeError(f"{name!r} is not a format: choose from {told}")
    return names


def _chosen(arguments: argparse.Namespace) -> list[str]:
    """The formats, each once.  Raises `UsageError` for several without a folder."""
    named = [name for names in arguments.formats or [["text"]] for name in names]
    if "all" in named:
        named += [*FILES, *(["github"] if os.environ.get("GITHUB_ACTIONS") else [])]
    formats = [name for name in dict.fromkeys(named) if name != "all"]
    if not formats:
        raise UsageError("--format names no format")
    if len(formats) > 1 and arguments.output is None:
        raise UsageError("several formats need a folder to be written to: add -o DIR")
    return formats


def _report(arguments: argparse.Namespace, found: Gathered[Heap], paths: Sequence[str]) -> Report:
    """One report of all that was read; what was not is said.  Raises InputError where there is nothing to show."""
    unread = [str(error) for error in found.errors]
    if found.part is None and arguments.output is None:
        raise InputError("\n".join(unread))
    unread += [interrupted(found, paths)] if found.interrupted else []
    report = report_of(found.part or Heap(), unread, strict=arguments.strict)
    report.interrupted = found.interrupted
    if not arguments.quiet:
        say("report", found, paths)
        for one in report.cut:
            print(f"qmpconf report: {harmless(f'{one.origin}: {one.failure}')}", file=sys.stderr)
    return report


def _page(report: Report, name: str, arguments: argparse.Namespace, progress: Progress) -> str:
    terminal = Terminal(sys.stdout) if on_stdout(arguments) else None
    made = page(report, name, lines=arguments.short, terminal=terminal)
    progress.advance(1, name)
    return made


def _write(report: Report, pages: Mapping[str, str], folder: str) -> list[str]:
    """Every page to its file, annotations to stdout; which files were written."""
    written = []
    for name, text in pages.items():
        if name == "github":
            print(text, end="")
            written += _summarize(report, folder)
        else:
            path = os.path.join(folder, FILES[name])
            write_page(path, text)
            written.append(path)
    return written


def _summarize(report: Report, folder: str | None) -> list[str]:
    """The summary of a GitHub step, where there is one; else as a file in `folder`."""
    from qmpconf.report.views import markdown

    summary = os.environ.get("GITHUB_STEP_SUMMARY", "")
    if summary:
        before = os.path.getsize(summary) if os.path.exists(summary) else 0
        text = markdown.page(report, max(0, markdown.LIMIT - before), details=False)
        _append(summary, text)
        return [summary]
    if folder is None:
        return []
    path = os.path.join(folder, SUMMARY)
    write_page(path, markdown.page(report, details=False))
    return [path]


def _append(path: str, text: str) -> None:
    try:
        with open(path, "a", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None
