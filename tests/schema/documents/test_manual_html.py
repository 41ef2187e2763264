"""The manuals as HTML by Sphinx, in the layout of releases up to 9.x and in today's."""

from __future__ import annotations

from qmpconf.schema.documents.compiler import compile_document
from qmpconf.schema.model import Enum, Object

_PAGE = """<!DOCTYPE html>
<html class="writer-html5" lang="en">
<head><title>QEMU Storage Daemon QMP Reference Manual &mdash; QEMU %s documentation</title>
<script>var text = "<h3>Nothing (Command)</h3>";</script></head>
<body><nav class="wy-nav-side"><ul><li><p>Lamps</p></li></ul></nav>
<section id="lamps"><h1>Lamps<a class="headerlink" href="#lamps">\u00b6</a></h1>
%s
</section><footer><p>made of kettles</p></footer></body></html>
"""

SECTIONS = """
<section id="q"><h3><code><span class="pre">Colour</span></code> (Enum)<a class="headerlink" href="#c">\u00b6</a></h3>
<section id="v"><h4>Values</h4><dl class="docutils">
<dt><code class="docutils literal"><span class="pre">red</span></code></dt><dd><p>as a brick</p></dd>
<dt><code class="docutils literal"><span class="pre">12</span></code></dt><dd><p>a number (since 3.1)</p></dd>
</dl></section><section id="s"><h4>Since</h4><p>2.9</p></section></section>
<section id="o"><h3>lamp-on (Command)</h3><p>Switch it on.</p>
<table><tr><td><p>no</p></td><td><p>yes: string</p></td></tr></table>
<section id="a"><h4>Arguments</h4><dl>
<dt><code><span class="pre">id:</span> <span class="pre">string</span></code></dt><dd><p>a lamp&#8217;s name</p></dd>
<dt><code>level: int</code> (optional)</dt><dd><p>(default: 3)</p><ul><li><p>one</p></li><li><p>two</p></li></ul></dd>
</dl></section>
<section id="e"><h4>Example</h4><div class="highlight"><pre><span></span>-&gt; { <span>"execute"</span>: "lamp-on",
     "arguments": { "id": "desk" } }
&lt;- { "return": {} }
</pre></div></section></section>
<section id="n"><h2>Other things</h2><p>Words.</p>
<section id="d"><h3>DARK (Event)</h3><p>It is dark.</p></section></section>
"""

DEFINITIONS = """
<dl class="qapi enum"><dt class="sig sig-object qapi" id="e"><em class="property"><span class="pre">Enum</span>
<span class="w"> </span></em><span class="sig-name descname"><span class="pre">Colour</span></span>
<span> <span class="pre">(Since:</span> <span class="pre">2.9;</span> <span class="pre">blue later)</span></span></dt>
<dd><dl class="field-list simple"><dt class="field-odd">Values<span class="colon">:</span></dt><dd class="field-odd">
<ul class="simple"><li><p><strong>red</strong> \u2013 as a brick</p></li>
<li><p><strong>12</strong> \u2013 a number (since 3.1)</p></li></ul></dd></dl></dd></dl>
<dl class="qapi command"><dt class="sig sig-object qapi"><em class="property">Command </em><span>lamp-on</span></dt>
<dd><p>Switch it on.</p><dl class="field-list"><dt>Arguments<span class="colon">:</span></dt><dd><ul>
<li><p><strong>id</strong> (<span><code>string</code></span>) \u2013 a lamp\u2019s name</p></li>
<li><p><strong>level</strong> (<span><code>int</code>, <em>optional</em></span>) \u2013 (default: 3)</p>
<ul><li><p>one</p></li><li><p>two</p></li></ul></li></ul></dd></dl>
<div class="highlight"><pre><span></span>-&gt; { <span>"execute"</span>: "lamp-on",
     "arguments": { "id": "desk" } }
&lt;- { "return": {} }
</pre></div></dd></dl>
<dl class="qapi event"><dt class="sig">Event DARK</dt><dd><p>It is dark.</p></dd></dl>
"""


def test_both_layouts_say_the_same() -> None:
    found = {}
    for version, body in (("7.2.1", SECTIONS), ("10.9.0", DEFINITIONS)):
        page = _PAGE % (version, body)
        compilation = compile_document(page)
        catalog = compilation.catalog
        assert catalog.name == f"qemu-storage-daemon-{version}-doc"
        assert catalog.source.title == f"qemu-storage-daemon-qmp-ref(7) {version}"
        assert not compilation.findings
        became = [one.became.split()[0] for one in compilation.headings]
        assert sorted(set(became)) == ["command", "event", "prose", "type"]
        rows = page.split("\n")
        assert all(
            "<h" in rows[one.line - 1] or "<dt" in rows[one.line - 1]
            for one in compilation.headings
        )
        (sent, reply) = compilation.examples
        assert '"execute"' in rows[sent.line - 1]
        assert '"return"' in rows[reply.line - 1]
        colour, taken = catalog.types["Colour"], catalog.types["lamp-on:arguments"]
        assert isinstance(colour, Enum)
        assert isinstance(taken, Object)
        found[version] = (
            [(one.name, one.facts.since) for one in colour.values],
            colour.facts.since,
            [(one.name, one.type, one.optional, one.default) for one in taken.members],
            list(catalog.commands),
            list(catalog.events),
        )
    assert found["7.2.1"] == found["10.9.0"]
    assert found["7.2.1"] == (
        [("red", ""), ("12", "3.1")],
        "2.9",
        [("id", "str", False, ""), ("level", "int", True, "3")],
        ["lamp-on"],
        ["DARK"],
    )


def test_ends_that_html_lets_out_are_implied() -> None:
    for body in (SECTIONS, DEFINITIONS):
        whole = compile_document(_PAGE % ("7.2.1", body)).catalog
        for end in ("</p>", "</li>", "</dd>", "</dt>"):
            torn = compile_document(_PAGE % ("7.2.1", body.replace(end, ""))).catalog
            assert list(torn.commands) == list(whole.commands)
            assert torn.types["lamp-on:arguments"] == whole.types["lamp-on:arguments"], end
    deep = _PAGE % ("7.2.1", SECTIONS + "<dd><p>x" * 20_000 + "</b></i>" * 20_000)
    assert list(compile_document(deep).catalog.commands) == ["lamp-on"]
