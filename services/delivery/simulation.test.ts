/** The service on a simulated Kafka: killed, stopped, frozen and cut off, every message has one outcome and at most one call. */
import { describe, expect, it } from 'vitest';
import { randomFrom, type Random } from '../../lib/carts/testing/random.ts';
import {
  flowQuestion,
  formerIdOf,
  MERGED_PEOPLE,
  messageRequest,
  revocation,
  sendRequest,
  SimulatedDelivery,
} from './testing.ts';

const WORKSPACES = ['acme', 'globex', 'initech'];
const SEEDS = Number(process.env['JT_DELIVERY_SEEDS'] ?? 10);
/** A revocation that the log holds for this long before a call cannot have been missed by it. */
const SEEN_AFTER_MS = 2_500;

interface Requested {
  workspace: string;
  /** When it was revoked, by the last revocation that no later request followed; null: it was not. */
  revoked: { atMs: number; reason: 'ended' | 'paused' } | null;
  /** How many replies its revocations have, if it gets no other outcome. Two revocations during one call may share one. */
  replies: { least: number; most: number };
}

/** Draws what flows ask of delivery, and keeps what they asked. */
class Story {
  readonly requested = new Map<string, Requested>();
  readonly questions = new Map<string, { workspace: string; personId: number; atMs: number }>();
  dueMs = 0;
  private readonly parted = new Set<string>();

  constructor(
    private readonly world: SimulatedDelivery,
    private readonly random: Random,
  ) {}

  happen(): void {
    const { random, world } = this;
    const workspace = random.pick(WORKSPACES);
    const kind = random.below(13);
    if (kind < 5) this.request(workspace, `m${this.requested.size}`);
    else if (kind < 7) this.revokeOrRepeat();
    else if (kind < 9) {
      this.ask(workspace, 1 + random.below(6));
    } else if (kind < 11) {
      const movedFrom = random.chance(0.2) ? 5 + random.below(2) : null;
      const change = { openMs: random.pick([0, 0, 20, 400]), movedFrom };
      const personId = 1 + random.below(6);
      world.appendTrait(workspace, personId, random.chance(0.5), change);
      if (random.chance(0.5)) this.ask(workspace, personId);
    } else if (kind < 12) this.part(workspace, random.pick(MERGED_PEOPLE));
    else {
      this.dueMs = world.wallMs;
      world.append(sendRequest('acme', { settle: { due_at: world.wallMs } }));
    }
  }

  /** The trait event that the person has under a former id goes to somebody else, once; before that, they are read. */
  private part(workspace: string, personId: number): void {
    const { random, world, parted } = this;
    const key = `${workspace} ${personId}`;
    if (!parted.has(key) && random.chance(0.5)) {
      parted.add(key);
      const change = { openMs: random.pick([0, 0, 20, 400]), movedFrom: formerIdOf(personId) };
      world.appendTrait(workspace, 1 + random.below(6), true, change);
    }
    this.ask(workspace, personId);
  }

  private ask(workspace: string, personId: number): void {
    const { world, questions } = this;
    const id = `q${questions.size}`;
    questions.set(id, { workspace, personId, atMs: world.wallMs });
    world.append(sendRequest(workspace, { question: flowQuestion(id, personId, world.wallMs) }));
  }

  private request(workspace: string, id: string): void {
    const { world } = this;
    const replies = this.requested.get(id)?.replies ?? { least: 0, most: 0 };
    this.requested.set(id, { workspace, revoked: null, replies });
    const expires_at = world.wallMs + 600_000;
    world.append(sendRequest(workspace, { message: messageRequest(id, world.wallMs, { expires_at }) }));
  }

  private revokeOrRepeat(): void {
    const { random, world, requested } = this;
    if (requested.size === 0) return;
    const id = random.pick([...requested.keys()].slice(-8));
    const known = requested.get(id)!;
    if (known.revoked?.reason === 'ended') return;
    const isAgain = random.chance(known.revoked === null ? 0.3 : 0.7);
    // A flow requests a message again only when it has the reply to the pause.
    if (isAgain && known.revoked !== null && repliesOf(world, id) < known.replies.least) return;
    if (isAgain) return this.request(known.workspace, id);
    // A run may end while a pause has revoked its message.
    const isEnd = known.revoked !== null || random.chance(0.5);
    known.revoked = { atMs: world.wallMs, reason: isEnd ? 'ended' : 'paused' };
    known.replies = { least: repliesOf(world, id) + 1, most: known.replies.most + 1 };
    world.append(sendRequest(known.workspace, { revoke: revocation(id, known.revoked.reason) }));
  }
}

const REPLY = 'skipped revoked';
const repliesOf = (world: SimulatedDelivery, id: string): number =>
  world.outcomesOf(id).filter((outcome) => outcome === REPLY).length;

/** What is wrong by now with something that may still change; '' when all is as it must become. */
function unfinished(world: SimulatedDelivery, story: Story): string {
  for (const [id, { revoked, replies }] of story.requested) {
    const hasOutcome = world.outcomesOf(id).some((outcome) => outcome !== REPLY);
    if (!hasOutcome && (revoked === null || repliesOf(world, id) < replies.least)) return `${id} has no outcome`;
  }
  const answered = new Set(world.inputs().flatMap(({ answer }) => answer?.question_id ?? []));
  for (const id of story.questions.keys()) if (!answered.has(id)) return `${id} has no answer`;
  const t0 = Math.max(0, ...world.inputs().flatMap(({ settled }) => settled?.t0 ?? []));
  return t0 < story.dueMs ? `nothing is settled up to ${story.dueMs}` : '';
}

async function settles(world: SimulatedDelivery, story: Story): Promise<void> {
  let wrong = '';
  for (let round = 0; round < 400; round++) {
    await world.loop.run(500);
    wrong = unfinished(world, story);
    if (wrong !== '') continue;
    // Nothing else may follow.
    await world.loop.run(5_000);
    return;
  }
  throw new Error(`${wrong}\n${world.log.slice(-20).join('\n')}`);
}

/** Each question has one answer, which sees everything that precedes the question. */
function checkAnswers(world: SimulatedDelivery, { questions }: Story): void {
  for (const [id, { workspace, personId, atMs }] of questions) {
    const answers = world.inputs().filter(({ answer }) => answer?.question_id === id);
    expect([id, answers.length]).toEqual([id, 1]);
    const { answer, received_at } = answers[0]!;
    expect([id, world.saidBetween(workspace, personId, atMs, received_at)]).toEqual([
      id,
      expect.arrayContaining([answer!.yes]),
    ]);
  }
}

/** What must hold of each message, with all faults. */
function check(world: SimulatedDelivery, { requested }: Story): void {
  for (const [id, { revoked, replies }] of requested) {
    const outcomes = world.outcomesOf(id).slice(repliesOf(world, id));
    const calls = world.callsOf(id);
    const isKnown = (outcome: string): boolean => outcomes[0]?.startsWith(outcome) === true;
    // The replies come first; the last revocation may have been too late.
    expect([id, outcomes]).toEqual([id, world.outcomesOf(id).filter((outcome) => outcome !== REPLY)]);
    expect([id, outcomes.length <= 1, repliesOf(world, id) <= replies.most]).toEqual([id, true, true]);
    const mayHaveLeft = calls.filter(({ result }) => result === 'sent' || result === 'unknown');
    expect([id, mayHaveLeft.length <= 1]).toEqual([id, true]);
    if (isKnown('sent')) expect([id, mayHaveLeft.map(({ result }) => result)]).toEqual([id, ['sent']]);
    if (isKnown('skipped')) expect([id, mayHaveLeft]).toEqual([id, []]);
    if (outcomes.length === 0) expect([id, mayHaveLeft]).toEqual([id, []]);
    const late = calls.filter(({ atMs }) => revoked !== null && atMs > revoked.atMs + SEEN_AFTER_MS);
    expect([id, late]).toEqual([id, []]);
  }
}

describe('delivery under faults', () => {
  it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('seed %i', async (seed) => {
    const random = randomFrom(seed);
    const world = new SimulatedDelivery(random);
    const story = new Story(world, random);
    world.answerAtRandom();
    for (let i = 0; i < 2; i++) world.start();
    await world.loop.run(5_000);
    for (let rest = 0; rest < 2; rest++) {
      world.faultChance = random.pick([0, 0.01, 0.05]);
      for (let step = 0; step < 150; step++) {
        story.happen();
        world.callMs = random.below(random.chance(0.1) ? 3_000 : 50);
        world.isClickHouseUp = !random.chance(0.05);
        world.disturb(0.03);
        await world.loop.run(random.below(400));
      }
      world.faultChance = 0;
      world.isClickHouseUp = true;
      await settles(world, story);
      check(world, story);
      checkAnswers(world, story);
    }
    expect(world.calls.length).toBeGreaterThan(50);
    expect(world.inputs().filter(({ outcome }) => outcome?.what === 'sent').length).toBeGreaterThan(20);
  });
});
