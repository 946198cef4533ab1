/** The recorded log of flows, folded again without any engine: what the topology made of it must be the same. */
import { TestDriver } from '../../lib/streams/test-driver.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { FlowEvent, FlowInput, SendRequest } from '../../schemas/types.ts';
import { codecs, flows } from '../../services/processor/testing.ts';
import type { FlowWorld, Read } from './world.ts';

/** A partition in which the fold and the topic differ, and where. */
export interface Difference {
  topic: string;
  partition: number;
  index: number;
  folded: string | undefined;
  recorded: string | undefined;
}

export interface Replay {
  inputs: number;
  steps: FlowEvent[];
  requests: SendRequest[];
  differences: Difference[];
}

/** Reads the log and what was made of it. Nothing may be in progress. */
export async function replay(world: FlowWorld): Promise<Replay> {
  const inputs = await world.read<FlowInput>(TOPICS.flowInputs);
  const events = await world.read<FlowEvent>(TOPICS.flowEvents);
  const requests = await world.read<SendRequest>(TOPICS.sendRequests);
  const differences: Difference[] = [];
  for (const partition of new Set(inputs.map((input) => input.partition))) {
    const folded = fold(inputs.filter((input) => input.partition === partition));
    for (const [topic, own, recorded] of [
      [TOPICS.flowEvents, folded.events, events],
      [TOPICS.sendRequests, folded.requests, requests],
    ] as const) {
      const there = (recorded as Read<unknown>[]).filter((record) => record.partition === partition);
      const different = firstDifference(
        own.map((value) => JSON.stringify(value)),
        there.map(({ value }) => JSON.stringify(value)),
      );
      if (different !== undefined) differences.push({ topic, partition, ...different });
    }
  }
  return {
    inputs: inputs.length,
    steps: events.map(({ value }) => value),
    requests: requests.map(({ value }) => value),
    differences,
  };
}

/** What the topology makes of the records of one partition. */
function fold(inputs: readonly Read<FlowInput>[]): { events: FlowEvent[]; requests: SendRequest[] } {
  const driver = new TestDriver(flows(), inputs[0]!.partition);
  for (const { value, offset, appendTimeMs } of inputs) driver.pipe(value.workspace, value, { offset, appendTimeMs });
  return {
    events: driver.outputs(TOPICS.flowEvents).map(({ value }) => codecs.flowEvents.decode(value)),
    requests: driver.outputs(TOPICS.sendRequests).map(({ value }) => codecs.sendRequests.decode(value)),
  };
}

function firstDifference(
  folded: readonly string[],
  recorded: readonly string[],
): Pick<Difference, 'index' | 'folded' | 'recorded'> | undefined {
  const length = Math.max(folded.length, recorded.length);
  for (let index = 0; index < length; index++) {
    if (folded[index] !== recorded[index]) return { index, folded: folded[index], recorded: recorded[index] };
  }
  return undefined;
}
