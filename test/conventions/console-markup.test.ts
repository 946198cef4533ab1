/** No text from outside becomes markup or code in the console: React escapes it, and nothing goes around React. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { projectFiles } from './documents.ts';

/** What would turn text into markup or code. */
const SINKS: readonly RegExp[] = [
  /dangerouslySetInnerHTML/,
  /\b(inner|outer)HTML\b/,
  /\binsertAdjacentHTML\b/,
  /\bcreateContextualFragment\b/,
  /\bDOMParser\b/,
  /\bsrcDoc\b/i,
  /\bdocument\.write(ln)?\b/,
  /\beval\(/,
  /\bnew Function\(/,
  /\bset(Timeout|Interval)\(\s*['"`]/,
  /javascript:/,
  // Tooltips of ECharts are markup unless they are drawn as text.
  /renderMode:\s*['"]html['"]/,
];

const offences = (path: string, source: string): string[] =>
  source
    .split('\n')
    .flatMap((line, index) =>
      SINKS.filter((sink) => sink.test(line)).map((sink) => `${path}:${index + 1}: ${sink.source}`),
    );

const sources = projectFiles().filter((path) => /^web\/.*\.(ts|tsx|js|html)$/.test(path));

describe('the console', () => {
  it('is checked, and the check finds what it looks for', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(sources).toContain('web/index.html');
    const bad = [
      '<p dangerouslySetInnerHTML={{ __html: name }} />',
      'element.innerHTML = name;',
      "tooltip: { renderMode: 'html' }",
      'setTimeout("run()", 1)',
      '<a href="javascript:run()">',
    ];
    expect(bad.filter((line) => offences('x.tsx', line).length === 0)).toEqual([]);
    expect(offences('x.tsx', 'setTimeout(() => run(), 1)')).toEqual([]);
  });

  it('renders no text as markup', () => {
    expect(sources.flatMap((path) => offences(path, readFileSync(path, 'utf8')))).toEqual([]);
  });

  it('draws the tooltips of charts as text', () => {
    const charts = sources.filter((path) => /from '(echarts|[^']*chart-engine)/.test(readFileSync(path, 'utf8')));
    const tooltips = charts.filter((path) => /tooltip: \{[^}]*trigger/s.test(readFileSync(path, 'utf8')));
    for (const path of tooltips) expect(readFileSync(path, 'utf8'), path).toContain("renderMode: 'richText'");
  });

  it('has no inline script or style in its page, and loads nothing from elsewhere', () => {
    const page = readFileSync('web/index.html', 'utf8');
    for (const [, attributes = '', body = ''] of page.matchAll(/<script\b([^>]*)>([\s\S]*?)<\/script>/g)) {
      expect(attributes).toMatch(/\bsrc="\/[^/]/);
      expect(body.trim()).toBe('');
    }
    expect(page).not.toMatch(/<style\b|\sstyle=|\son[a-z]+=|https?:\/\//);
  });
});
