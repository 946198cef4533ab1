import { flowEventRows } from '../../lib/clickhouse/schema.ts';
import type { FlowEvent } from '../../schemas/types.ts';
import type { Rows } from './block.ts';

/** Adds the row of a step. A step of an erased person has the person id 0. */
export function addFlowEvent(rows: Rows, event: FlowEvent, offset: number): void {
  const { version: flow_version, ...step } = event;
  const version = { logTimeMs: event.at, inputOffset: 0, outputOffset: offset };
  rows.addByMonth(flowEventRows, { ...step, flow_version, version }, event.at);
}
