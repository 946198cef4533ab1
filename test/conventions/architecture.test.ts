/** docs/architecture.md names every topic and every table, in its tables and in its picture, and no others. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { REGISTRY_TOPICS } from '../../deploy/engines/registry.ts';
import { FLOW_MESSAGES, FLOW_STEPS, PROFILES, TABLES, VIEWS } from '../../lib/clickhouse/tables.ts';
import { SKIPS_TOPIC } from '../../lib/streams/index.ts';
import { changelogOf, TOPICS, topicSpecs, type TopicName } from '../../lib/topics.ts';
import { STAGE } from '../../services/audiences/task.ts';
import { STAGE as DELIVERY } from '../../services/delivery/stage.ts';
import { ACTIVITY_TOPIC } from '../../services/ingest/activity-log.ts';
import { TOPOLOGY_NAMES } from '../../services/processor/config.ts';
import { codeIn, tableRows } from './documents.ts';

const page = readFileSync('docs/architecture.md', 'utf8');
const picture = /```mermaid\n([\s\S]*?)```/.exec(page)?.[1] ?? '';

const topics = [
  ...Object.values(TOPICS),
  ACTIVITY_TOPIC,
  SKIPS_TOPIC,
  ...TOPOLOGY_NAMES.map(changelogOf),
  changelogOf(STAGE),
  changelogOf(DELIVERY),
  ...REGISTRY_TOPICS,
];
const stores = [...Object.values(TABLES), ...Object.values(VIEWS), PROFILES, FLOW_STEPS, FLOW_MESSAGES];

const rowsByName = (heading: string): Map<string, string[]> =>
  new Map(tableRows(page, heading).flatMap((cells) => codeIn(cells[0] ?? '').map((name) => [name, cells] as const)));

describe('docs/architecture.md', () => {
  it('has a row for each topic, and for no others', () => {
    expect([...rowsByName('Topics').keys()].sort()).toEqual([...topics].sort());
  });

  it('has a row for each table and view, and for no others', () => {
    expect([...rowsByName('ClickHouse').keys()].sort()).toEqual([...stores].sort());
  });

  it('shows each topic, table and view in the picture', () => {
    const words = new Set(picture.match(/[a-z0-9]+(?:[-_][a-z0-9]+)*/g));
    expect([...topics, ...stores].filter((name) => !words.has(name))).toEqual([]);
  });

  it('gives partitions and retention as the code sets them', () => {
    const specs = topicSpecs({ partitions: 8, logRetentionDays: 90 });
    const retention = (topic: TopicName): string => {
      const ms = Number(specs[topic].config?.['retention.ms']);
      if (ms < 0) return 'forever';
      return ms === 90 * 86_400_000 ? 'horizon' : `${ms / 86_400_000} days`;
    };
    const rows = rowsByName('Topics');
    for (const topic of Object.values(TOPICS)) {
      const partitions = specs[topic].partitions === 8 ? '`PARTITIONS`' : String(specs[topic].partitions);
      expect([topic, ...(rows.get(topic) ?? []).slice(-2)]).toEqual([topic, partitions, retention(topic)]);
    }
  });
});
