/** Commands on flows, and the settings of a workspace. */
import type { FlowCommand, FlowSettings } from '../../schemas/types.ts';
import type { FlowSpan } from './definition.ts';
import { addJob } from './jobs.ts';
import { endRun } from './lifecycle.ts';
import type { FlowState } from './workspace.ts';
import type { View } from './view.ts';

/** Whether a numbered record was handled already; notes its number if not. */
export function isRepeat(view: View, number: number): boolean {
  if (number <= view.settings.number) return true;
  view.saveSettings({ ...view.settings, number });
  return false;
}

export function takeSettings(view: View, settings: FlowSettings): void {
  const { name, time_zone: zone, frequency_cap, quiet_hours: quietHours } = settings;
  const per = frequency_cap && ({ amount: frequency_cap.amount, unit: frequency_cap.unit } as FlowSpan);
  view.saveSettings({
    ...view.settings,
    name,
    zone,
    cap: frequency_cap && per && { count: frequency_cap.count, per },
    quietHours,
  });
}

export function takeCommand(view: View, command: FlowCommand): void {
  const { what, flow_id: id } = command;
  const known = view.flowState(id);
  switch (what) {
    case 'publish':
      publish(view, command, known);
      return;
    case 'pause':
      if (known?.state === 'live') change(view, { ...known, state: 'paused' }, 'pause');
      return;
    case 'resume':
      if (known?.state === 'paused') change(view, { ...known, state: 'live' }, 'resume');
      return;
    case 'archive':
      if (known !== undefined && known.state !== 'archived') change(view, { ...known, state: 'archived' }, 'archive');
      return;
    case 'cancel':
      cancel(view, id, command.run_id);
  }
}

function publish(view: View, { flow_id: id, version, definition, runs }: FlowCommand, known?: FlowState): void {
  if (definition === null || known?.state === 'archived') return;
  view.saveVersion(id, version, definition);
  const wasAhead = known !== undefined && view.flow(id, known.version).onCarts.length > 0;
  const next: FlowState = known === undefined ? { id, version, state: 'live', isIndexed: true } : { ...known, version };
  view.saveFlowState(next);
  if (known !== undefined && runs === 'move') addJob(view.turn, 'move', view.workspace, id);
  if (wasAhead || view.flow(id, version).onCarts.length > 0) addJob(view.turn, 'carts', view.workspace, id);
}

function change(view: View, state: FlowState, job: 'pause' | 'resume' | 'archive'): void {
  view.saveFlowState(state);
  addJob(view.turn, job, view.workspace, state.id);
}

function cancel(view: View, flow: string, id: string | null): void {
  const run = id === null ? undefined : view.run(flow, id);
  if (id !== null && run !== undefined && run.state !== 'ended') endRun(view, { flow, id, run }, 'cancelled');
}
