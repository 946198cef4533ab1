import { describe, expect, it } from 'vitest';
import { adviceFor, engineView, skipCommand, type Partition } from './advice.ts';

const partition = (change: Partial<Partition> = {}): Partition => ({
  partition: 3,
  position: 1_207,
  end: 1_300,
  lag: 93,
  log_time: '2026-03-17T12:00:00.000Z',
  earliest_due: null,
  state: 'stopped',
  problem: null,
  url: 'http://127.0.0.1:7013',
  ...change,
});
const problem = (change: Partial<NonNullable<Partition['problem']>>): Partial<Partition> => ({
  problem: { reason: 'failing_record', offset: 1_207, part: 'record', detail: null, ...change },
});

describe('what to do about a partition', () => {
  it('is nothing while it works or opens again by itself', () => {
    for (const state of ['running', 'restoring', 'closing', 'waiting'] as const)
      expect(adviceFor('cart-events', partition({ state }), 'processor'), state).toBeNull();
  });

  it('names the record that fails every time, and offers to skip it', () => {
    const advice = adviceFor('cart-events', partition(problem({})), 'processor')!;
    expect(advice.title).toContain('1207');
    expect(advice.skip).toEqual({ topic: 'cart-events', partition: 3, offset: 1_207 });
    expect(advice.steps.join(' ')).toContain('The record becomes a dead letter');
  });

  it('says what is skipped when a deadline fails and not the record', () => {
    const advice = adviceFor('cart-events', partition(problem({ part: 'deadline' })), 'processor')!;
    expect(advice.steps.join(' ')).toContain('the record will be handled');
    expect(advice.steps.join(' ')).not.toContain('The record becomes a dead letter');
  });

  it('offers to skip a record of flows, which cannot be replayed', () => {
    const ofRecord = adviceFor('flow-inputs', partition(problem({})), 'processor')!;
    expect(ofRecord.skip).toEqual({ topic: 'flow-inputs', partition: 3, offset: 1_207 });
    expect(ofRecord.steps.join(' ')).toContain('The record becomes a dead letter. It cannot be replayed');
    const ofDeadline = adviceFor('flow-inputs', partition(problem({ part: 'deadline' })), 'processor')!;
    expect(ofDeadline.steps.join(' ')).toContain('A run that is removed sends nothing more');
  });

  it('says that a skipped definition has to be saved again', () => {
    const advice = adviceFor('definitions', partition(problem({})), 'processor')!;
    expect(advice.skip).toEqual({ topic: 'definitions', partition: 3, offset: 1_207 });
    expect(advice.steps.join(' ')).toContain('It becomes no dead letter. Save the same definition again');
  });

  it('offers no command for a topic whose records cannot be skipped', () => {
    const advice = adviceFor('trait-events', partition(problem({})), 'audiences')!;
    expect(advice.skip).toBeNull();
    expect(advice.steps.join(' ')).not.toContain('command');
  });

  it('has words for every reason, without a record to skip', () => {
    const reasons = ['clock_ahead', 'corrupt_log', 'broken_continuity', 'unusable_state'] as const;
    const titles = reasons.map((reason) => {
      const advice = adviceFor('cart-events', partition(problem({ reason, offset: null, part: null })), 'processor')!;
      expect(advice.skip).toBeNull();
      return advice.title;
    });
    expect(new Set(titles).size).toBe(reasons.length);
  });

  it('repeats what the sink reports, as a sentence', () => {
    const detail = 'offsets 4 to 9 were deleted before they were read';
    const advice = adviceFor('trait-events', partition(problem({ reason: 'input_unusable', detail })), 'sink')!;
    expect(advice.steps[0]).toBe('Offsets 4 to 9 were deleted before they were read.');
  });

  it('tells a partition without a process from one that is stopped for an unknown reason', () => {
    expect(adviceFor('cart-events', partition({ url: null }), 'processor')!.title).toContain('No process');
    const unexplained = adviceFor('cart-events', partition(), 'processor')!;
    expect(unexplained.steps[0]).toContain('.data/logs/processor.log');
  });
});

describe('the command that skips a record', () => {
  const record = { topic: 'cart-events', partition: 3, offset: 1_207 };

  it('has topic, partition and offset, and the reason if there is one', () => {
    expect(skipCommand(record, '  ')).toBe('npm run skip-record -- --topic cart-events --partition 3 --offset 1207');
    expect(skipCommand(record, 'fails since release 0.2')).toContain(" --reason 'fails since release 0.2'");
  });

  it('quotes the reason so that a shell takes it literally', () => {
    expect(skipCommand(record, `it's "$(rm -rf)"\n`)).toContain(` --reason 'it'\\''s "$(rm -rf)"'`);
  });
});

describe('an engine', () => {
  it('has a remedy only while it does not work', () => {
    expect(engineView({ engine: 'kafka', state: 'running' })).toMatchObject({ words: 'running', remedy: null });
    expect(engineView({ engine: 'kafka', state: 'stopped' }).remedy).toContain('503');
    expect(engineView({ engine: 'registry', state: 'refused' })).toMatchObject({
      words: 'rejects the user or password',
      remedy: 'Check REGISTRY_USER and REGISTRY_PASSWORD.',
    });
  });
});
