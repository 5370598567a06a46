"""The status page: how the gateway and its readers stand, for whoever is in the store with a browser."""

from typing import Final

HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    # Nothing from elsewhere, and nobody frames it; the page's own style and script are in it.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tillgate</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.4rem; } h1 small { font-weight: normal; opacity: .7; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884; }
  .state::before { content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .5em;
                   border-radius: 50%; background: #999; }
  .ready::before, .ok::before { background: #2a8f4a; } .busy::before { background: #2b6fd0; }
  .in_doubt::before, .degraded::before { background: #d08a00; }
  .offline::before, .failing::before, .away::before { background: #c62f2f; }
  ul { padding-left: 1.2rem; }
</style>
<h1>tillgate <small id="gateway"></small></h1>
<p><span id="status" class="state">asking the gateway</span> <span id="detail"></span></p>
<ul id="problems"></ul>
<table><thead><tr><th>Reader</th><th>State</th><th>Why</th></tr></thead><tbody id="readers"></tbody></table>
<script>
const at = id => document.getElementById(id);
const cell = (row, text, style) => {
  const made = row.insertCell(); made.textContent = text; if (style) made.className = "state " + style;
};
async function look() {
  try {
    const answer = await fetch("/v1/health", {cache: "no-store"});
    const health = await answer.json();
    at("gateway").textContent = health.gateway + " " + health.version;
    at("status").textContent = health.status; at("status").className = "state " + health.status;
    at("detail").textContent = "up for " + Math.round(health.uptime_s) + " s";
    at("problems").replaceChildren(...health.problems.map(problem => {
      const item = document.createElement("li"); item.textContent = problem; return item;
    }));
    const rows = health.readers.list.map(reader => {
      const row = document.createElement("tr");
      cell(row, reader.name); cell(row, reader.state.replace("_", " "), reader.state); cell(row, reader.why);
      return row;
    });
    at("readers").replaceChildren(...rows);
  } catch (error) {
    at("status").textContent = "the gateway does not answer"; at("status").className = "state away";
    at("detail").textContent = "";
  }
  setTimeout(look, 2000);
}
look();
</script>
</html>
"""
"""Reads `/v1/health` every two seconds. Text only ever becomes text: names come from files of strangers."""
