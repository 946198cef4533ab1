import { describe, expect, it } from 'vitest';
import { CaseRun, readCases } from '../../lib/flows/testing/cases.ts';
import { comparable } from '../../lib/flows/testing/compare.ts';
import type { TestLog } from '../../lib/flows/testing/pure-log.ts';
import { TestDriver } from '../../lib/streams/test-driver.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { FlowInput } from '../../schemas/types.ts';
import { codecs, flows } from './testing.ts';

/** The topology without a broker. Before every record it may restart from what it has committed. */
class TopologyLog implements TestLog {
  private driver = new TestDriver(flows());

  constructor(private readonly restarts: boolean) {}

  append(input: FlowInput): ReturnType<TestLog['append']> {
    if (this.restarts) {
      const restarted = new TestDriver(flows());
      restarted.restore(this.driver.snapshot());
      this.driver = restarted;
    }
    this.driver.pipe(input.workspace, codecs.flowInputs.encode(input), {
      appendTimeMs: input.log_time ?? input.received_at,
    });
    const events = this.driver.outputs(TOPICS.flowEvents).map(({ value }) => codecs.flowEvents.decode(value));
    const requests = this.driver.outputs(TOPICS.sendRequests).map(({ value }) => codecs.sendRequests.decode(value));
    this.driver.clearOutputs();
    return { events, requests };
  }
}

const cases = readCases('test/flows-cases.json');

describe.each([
  ['that runs on', false],
  ['that restarts before every record', true],
])('flows-cases.json, by a topology %s', (_, restarts) => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const [expected, found] = comparable(one.steps, new CaseRun(one, new TopologyLog(restarts)).run());
    expect(found).toEqual(expected);
  });
});
