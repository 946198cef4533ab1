/**
 * A page that shows /openapi.json. It is self-contained: the common viewers load their assets from a CDN, and this
 * product has to work without internet access and under a strict content security policy.
 */
export const docsPage = (title: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .4rem 0; }
summary { cursor: pointer; padding: .5rem .75rem; } details > div { padding: 0 .75rem .75rem; }
code, pre { font: 13px/1.45 ui-monospace, monospace; } pre { background: var(--soft); border-radius: .4rem; overflow: auto; padding: .6rem; }
.method { display: inline-block; font-weight: 700; min-width: 4rem; text-transform: uppercase; }
.get { color: #2b8a3e; } .post { color: #1971c2; } .put, .patch { color: #b35c00; } .delete { color: #c92a2a; }
table { border-collapse: collapse; width: 100%; } td { border-top: 1px solid var(--line); padding: .25rem .5rem .25rem 0; vertical-align: top; }
</style>
</head>
<body><h1>${title}</h1><p><a href="/openapi.json">openapi.json</a></p><main id="main">Loading…</main>
<script src="/docs/docs.js"></script></body>
</html>
`;

export const docsScript = String.raw`'use strict';
const el = (tag, attributes, ...children) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const resolve = (doc, value, depth = 0) => {
  if (Array.isArray(value)) return value.map((item) => resolve(doc, item, depth));
  if (value === null || typeof value !== 'object') return value;
  if (typeof value.$ref === 'string') {
    const name = value.$ref.split('/').pop();
    const target = doc.components?.schemas?.[name];
    return depth > 2 || !target ? name : resolve(doc, target, depth + 1);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(doc, item, depth)]));
};
const schemaBlock = (doc, content) => {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  if (!type) return null;
  return el('div', {}, el('code', {}, type), el('pre', {}, JSON.stringify(resolve(doc, media.schema), null, 2)));
};
const operation = (doc, path, method, op) => {
  const rows = (op.parameters ?? []).map((p) =>
    el('tr', {}, el('td', {}, el('code', {}, p.name)), el('td', {}, p.in + (p.required ? ', required' : '')), el('td', {}, p.schema?.description ?? p.description ?? '')));
  const answers = Object.entries(op.responses ?? {}).map(([status, answer]) =>
    el('details', {}, el('summary', {}, el('code', {}, status), ' ' + (answer.description ?? '')),
      el('div', {}, schemaBlock(doc, answer.content))));
  return el('details', {},
    el('summary', {}, el('span', { class: 'method ' + method }, method), el('code', {}, path), ' ' + (op.summary ?? '')),
    el('div', {}, el('p', {}, op.description ?? ''), el('table', {}, ...rows),
      op.requestBody ? el('h3', {}, 'Body') : null, schemaBlock(doc, op.requestBody?.content), el('h3', {}, 'Responses'), ...answers));
};
fetch('/openapi.json').then((response) => response.json()).then((doc) => {
  const groups = new Map();
  for (const [path, item] of Object.entries(doc.paths ?? {})) {
    for (const [method, op] of Object.entries(item)) {
      const tag = op.tags?.[0] ?? 'other';
      groups.set(tag, [...(groups.get(tag) ?? []), operation(doc, path, method, op)]);
    }
  }
  const blocks = [...groups].map(([tag, operations]) => el('section', {}, el('h2', {}, tag), ...operations));
  document.getElementById('main').replaceChildren(el('p', {}, doc.info?.description ?? ''), ...blocks);
}, () => { document.getElementById('main').textContent = 'Could not load openapi.json.'; });
`;
