/** Questions that are answered elsewhere. The answer is a record; until then the run rests. */
import type { FlowAnswer, FlowQuestionKind } from '../../schemas/types.ts';
import type { Audience } from '../audiences/index.ts';
import { questionId } from './ids.ts';
import { makeReady, type RunRef } from './lifecycle.ts';
import { REST, type Move, type Site } from './nodes/node.ts';
import type { View } from './view.ts';

/** Asks whether the run's person is in an audience now. */
export function ask({ view, flow, id, run }: Omit<Site, 'compiled'>, what: FlowQuestionKind, audience: Audience): Move {
  view.move(run, what === 'audience' ? 'asking' : 'questioned');
  view.step(flow, id, run, 'asked');
  view.request('question', {
    question: {
      question_id: questionId(id, run.questions),
      flow_id: flow,
      run_id: id,
      node: run.node === '' ? null : run.node,
      what,
      audience: JSON.stringify(audience),
      person_id: view.resolve(run.person),
      now: view.now,
      time_zone: view.zone,
    },
  });
  run.questions++;
  return REST;
}

/** Takes the answer to the last question of a run; another one is of no use any more. */
export function takeAnswer(view: View, { question_id, flow_id, run_id, yes }: FlowAnswer): void {
  const run = view.run(flow_id, run_id);
  if (run === undefined || (run.state !== 'asking' && run.state !== 'questioned')) return;
  if (question_id !== questionId(run_id, run.questions - 1)) return;
  const ref: RunRef = { flow: flow_id, id: run_id, run };
  view.step(flow_id, run_id, run, 'answered', { reason: yes ? 'yes' : 'no' });
  makeReady(view, ref, { kind: yes ? 'yes' : 'no', at: view.now }, 'answered');
}
