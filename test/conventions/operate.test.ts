/** docs/operate.md names metrics, variables and messages: all of them exist, and no metric is left out. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { streamMetrics } from '../../lib/streams/metrics.ts';
import { createMetrics } from '../../lib/telemetry/index.ts';
import { SERVICE_CONFIGS } from '../../scripts/installation/definitions.ts';
import { createAudienceMetrics } from '../../services/audiences/metrics.ts';
import { ingestMetrics } from '../../services/ingest/metrics.ts';
import { createSinkMetrics } from '../../services/sink/metrics.ts';

const page = readFileSync('docs/operate.md', 'utf8');
const code = [...page.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');

function namesOf(make: (registry: ReturnType<typeof createMetrics>) => unknown): string[] {
  const registry = createMetrics();
  const own = new Set(registry.getMetricsAsArray().map(({ name }) => name));
  make(registry);
  return registry
    .getMetricsAsArray()
    .map(({ name }) => name)
    .filter((name) => !own.has(name));
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name) && !entry.name.endsWith('.test.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

describe('docs/operate.md', () => {
  it('has every metric of ours, and no others', () => {
    const ours = [
      ...namesOf(ingestMetrics),
      ...namesOf(streamMetrics),
      ...namesOf(createSinkMetrics),
      ...namesOf(createAudienceMetrics),
    ];
    expect(ours.length).toBeGreaterThan(15);
    const named = code.flatMap((text) => text.match(/\b(?:ingest|streams|sink|audiences)_[a-z_]+\b/g) ?? []);
    // The ledger is a table.
    const told = new Set(named.filter((name) => name !== 'sink_ledger'));
    expect([...told].sort()).toEqual([...ours].sort());
    const general = createMetrics()
      .getMetricsAsArray()
      .map(({ name }) => name);
    const ofNode = code.flatMap((text) => text.match(/\b(?:process|nodejs)_[a-z0-9_]+\b/g) ?? []);
    expect(ofNode.filter((name) => !general.includes(name))).toEqual([]);
  });

  it('names variables that somebody reads', () => {
    const known = new Set(Object.values(SERVICE_CONFIGS).flatMap(({ fields }) => Object.keys(fields)));
    for (const name of ['ADMIN_KEY', 'SECRET_KEY', 'JAVA_HOME', 'NODE_EXTRA_CA_CERTS']) known.add(name);
    const named = code.flatMap((text) => text.match(/\b[A-Z]+_[A-Z_]+[A-Z]\b/g) ?? []);
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('quotes messages that the code contains', () => {
    const table = page.slice(page.indexOf('## When something is wrong'), page.indexOf('## Upgrading'));
    const rows = [...table.matchAll(/^\| (.*?) \|/gm)].map((match) => match[1] ?? '').slice(2);
    const quoted = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''));
    const said = ['lib', 'services', 'scripts', 'deploy'].flatMap(sources).join('\n').replaceAll("\\'", "'");
    // What stands for a value of the moment may be anything; short pieces prove nothing.
    const pieces = quoted
      .flatMap((text) => text.split(/…|\b\d+\b|[A-Z]+_[A-Z_]+/))
      .map((piece) =>
        piece
          .trim()
          .replace(/^[,;:]|[,;:]$/g, '')
          .trim(),
      )
      .filter((piece) => piece.length > 8 && piece.includes(' '));
    expect(pieces.length).toBeGreaterThan(15);
    expect(pieces.filter((piece) => !said.includes(piece))).toEqual([]);
  });
});
