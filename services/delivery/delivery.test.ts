/** One process of the service on a simulated Kafka: what becomes of requests, questions and waits. */
import { describe, expect, it } from 'vitest';
import type { CallResult } from './channel.ts';
import { flowQuestion, request, running, sendRequest, type SimulatedDelivery } from './testing.ts';

describe('a message', () => {
  it('is called once and has one outcome, with its text, however often it is requested', async () => {
    const world = await running();
    request(world, 'a');
    request(world, 'a');
    await world.loop.run(2_000);
    request(world, 'a');
    await world.loop.run(2_000);
    expect(world.callsOf('a')).toHaveLength(1);
    expect(world.outcomesOf('a')).toEqual(['sent']);
    const outcome = world.inputs().find(({ kind }) => kind === 'outcome')!;
    expect(outcome).toMatchObject({ workspace: 'acme', log_time: null, outcome: { address: '+18085550143' } });
    expect(JSON.parse(outcome.outcome!.text!)).toEqual({ channel: 'sms', text: 'Hi {{ person.first_name }} ' });
  });

  it('gets the code of its place in the pool; without one it fails', async () => {
    const world = await running();
    request(world, 'a', { code_pool: 'spring', code_index: 7 });
    request(world, 'b', { code_pool: 'empty', code_index: 0 });
    await world.loop.run(2_000);
    expect(world.inputs().find(({ outcome }) => outcome?.request_id === 'a')?.outcome?.text).toContain('spring-7');
    expect(world.outcomesOf('b')).toEqual(['failed no_code']);
  });

  it('fails when it cannot be rendered', async () => {
    const world = await running();
    request(world, 'a', { channel: 'email', content: '{}' });
    await world.loop.run(2_000);
    expect([world.outcomesOf('a'), world.calls]).toEqual([['failed template'], []]);
  });

  it('that expired is not sent', async () => {
    const world = await running();
    request(world, 'a', { due_at: world.wallMs - 60_001, expires_at: world.wallMs - 1 });
    await world.loop.run(2_000);
    expect([world.outcomesOf('a'), world.calls]).toEqual([['skipped stale'], []]);
  });

  it('has its outcome soon, at whichever moment it expires', async () => {
    const world = await running();
    for (let ms = 0; ms < 60; ms++) {
      request(world, `m${ms}`, { due_at: world.wallMs - 1_000, expires_at: world.wallMs + ms });
      await world.loop.run(1_500);
      expect([ms, world.outcomesOf(`m${ms}`).length]).toEqual([ms, 1]);
    }
    expect(world.calls.length).toBeGreaterThan(5);
    expect(world.calls.length).toBeLessThan(55);
  });

  it('is tried again after a pause when it was certainly not sent', async () => {
    const world = await running();
    const results: CallResult[] = [{ name: 'not_sent', reason: '429', retryAfterMs: 5_000 }, { name: 'sent' }];
    world.resultOf = () => results.shift()!;
    request(world, 'a');
    await world.loop.run(4_000);
    expect([world.callsOf('a').length, world.outcomesOf('a')]).toEqual([1, []]);
    await world.loop.run(4_000);
    expect([world.callsOf('a').length, world.outcomesOf('a')]).toEqual([2, ['sent']]);
    const [first, second] = world.callsOf('a');
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(5_000);
  });

  it('a refusal for good suppresses the address for requests that were decided before it', async () => {
    const world = await running();
    world.resultOf = () => ({ name: 'refused', reason: '21610', suppresses: true });
    request(world, 'a');
    await world.loop.run(2_000);
    expect(world.inputs().find(({ kind }) => kind === 'outcome')?.outcome).toMatchObject({ permanent: true });
    world.resultOf = () => ({ name: 'sent' });
    request(world, 'b');
    request(world, 'c', { address: '+18085550144' });
    await world.loop.run(2_000);
    expect(['a', 'b', 'c'].map((id) => world.outcomesOf(id))).toEqual([
      ['failed 21610'],
      ['skipped suppressed'],
      ['sent'],
    ]);
    await world.loop.run(60_000);
    // The flow knew of the refusal, and of whatever has lifted it.
    request(world, 'd');
    await world.loop.run(2_000);
    expect(world.outcomesOf('d')).toEqual(['sent']);
  });

  it('a channel with a rate sends that many in a second', async () => {
    const world = await running();
    world.ratePerSecond = 10;
    for (let i = 0; i < 30; i++) request(world, `m${i}`);
    await world.loop.run(1_000);
    expect(world.calls.length).toBeGreaterThan(5);
    expect(world.calls.length).toBeLessThan(13);
    await world.loop.run(3_000);
    expect(world.calls).toHaveLength(30);
  });
});

it('a planned stop leaves messages that were not called to the next process', async () => {
  const world = await running();
  for (let ms = 0; ms < 60; ms += 3) {
    request(world, `m${ms}`);
    await world.loop.run(ms);
    const place = world.places[0]!;
    const stopped = place.group!.stop();
    world.start();
    await world.loop.run(20_000);
    await stopped;
    world.kill(place);
    expect([ms, world.outcomesOf(`m${ms}`), world.callsOf(`m${ms}`).length]).toEqual([ms, ['sent'], 1]);
  }
});

describe('a process that ends', () => {
  it('killed during a call: the outcome is unknown, and nobody calls again', async () => {
    const world = await running();
    world.callMs = 5_000;
    request(world, 'a');
    await world.loop.run(1_000);
    expect(world.callsOf('a')).toHaveLength(1);
    world.kill(world.places[0]!);
    world.start();
    await world.loop.run(30_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['unknown interrupted'], 1]);
  });

  it('killed during a call of a channel that repeats it: one outcome', async () => {
    const world = await running();
    world.callMs = 5_000;
    world.retriesUnknown = true;
    request(world, 'a');
    await world.loop.run(1_000);
    world.kill(world.places[0]!);
    world.start();
    await world.loop.run(30_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['sent'], 2]);
  });

  it('stopped during a call: waits for its outcome', async () => {
    const world = await running();
    world.callMs = 2_000;
    request(world, 'a');
    await world.loop.run(1_000);
    const [place] = world.places;
    world.loop.schedule(0, 'stops', () => void place!.group!.stop(), place!.process);
    await world.loop.run(10_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['sent'], 1]);
  });
});

describe('questions', () => {
  const answers = (world: SimulatedDelivery) =>
    world.inputs().flatMap(({ answer }) => (answer === null ? [] : [`${answer.question_id} ${answer.yes}`]));
  const ask = (world: SimulatedDelivery, id: string, person: number): void =>
    world.append(sendRequest('acme', { question: flowQuestion(id, person, world.wallMs) }));

  it('are answered, for anonymous people too', async () => {
    const world = await running();
    ask(world, 'q1', 1);
    ask(world, 'q2', 2);
    await world.loop.run(2_000);
    expect(answers(world).sort()).toEqual(['q1 true', 'q2 false']);
  });

  it('see the news that precede them', async () => {
    const world = await running();
    const expected: string[] = [];
    for (let i = 0; i < 40; i++) {
      world.appendTrait('acme', 3, i % 2 === 0);
      ask(world, `q${i}`, 3);
      expected.push(`q${i} ${i % 2 === 0}`);
      await world.loop.run(500);
    }
    expect(answers(world)).toEqual(expected);
  });

  it('are answered by what was read before, and by the news since', async () => {
    const world = await running();
    world.appendTrait('acme', 3, true);
    ask(world, 'q1', 3);
    await world.loop.run(1_000);
    ask(world, 'q2', 3);
    await world.loop.run(1_000);
    expect([answers(world), world.readings]).toEqual([['q1 true', 'q2 true'], 1]);
    world.appendTrait('acme', 3, false);
    ask(world, 'q3', 3);
    await world.loop.run(1_000);
    expect([answers(world).at(-1), world.readings]).toEqual(['q3 false', 1]);
    // A record that nobody can read may be about anybody.
    world.appendDamage('acme');
    ask(world, 'q4', 3);
    await world.loop.run(1_000);
    expect([answers(world).at(-1), world.readings]).toEqual(['q4 false', 2]);
    // Nobody has noted what has happened since.
    await world.loop.run(30_000);
    ask(world, 'q5', 3);
    await world.loop.run(1_000);
    expect([answers(world).at(-1), world.readings]).toEqual(['q5 false', 3]);
  });

  it('wait until ClickHouse holds what only it can tell, about their own person', async () => {
    const world = await running();
    ask(world, 'q1', 1);
    await world.loop.run(1_000);
    world.sinkMs = () => 20_000;
    world.appendTrait('acme', 2, true);
    world.appendTrait('acme', 3, true, { movedFrom: 4 });
    ask(world, 'q2', 2);
    ask(world, 'q3', 3);
    ask(world, 'q4', 4);
    await world.loop.run(1_000);
    expect(answers(world)).toEqual(['q1 true', 'q2 true', 'q3 true']);
    await world.loop.run(21_000);
    expect(answers(world)).toEqual(['q1 true', 'q2 true', 'q3 true', 'q4 false']);
  });

  it('with other needs are not answered by what was read for less', async () => {
    const world = await running();
    ask(world, 'q1', 1);
    await world.loop.run(1_000);
    const audience = JSON.stringify({ trait: 'cart_abandoned', product_id: ['p'] });
    world.append(sendRequest('acme', { question: { ...flowQuestion('q2', 1, world.wallMs), audience } }));
    await world.loop.run(1_000);
    ask(world, 'q3', 1);
    await world.loop.run(1_000);
    expect([answers(world), world.readings]).toEqual([['q1 true', 'q2 false', 'q3 true'], 2]);
  });

  it('wait while ClickHouse is away, also over a restart', async () => {
    const world = await running();
    world.isClickHouseUp = false;
    ask(world, 'q1', 1);
    await world.loop.run(20_000);
    world.kill(world.places[0]!);
    world.start();
    await world.loop.run(20_000);
    expect(answers(world)).toEqual([]);
    world.isClickHouseUp = true;
    await world.loop.run(15_000);
    expect(answers(world)).toEqual(['q1 true']);
  });
});

describe('settled', () => {
  const settled = (world: SimulatedDelivery) => world.inputs().flatMap(({ settled }) => settled?.t0 ?? []);

  it('is written once for all that wait, when the stages have passed, and only while something waits', async () => {
    const world = await running();
    world.stagesMs = 1_000;
    const dueMs = world.wallMs;
    for (let i = 0; i < 5; i++) world.append(sendRequest('acme', { settle: { due_at: dueMs + i } }));
    await world.loop.run(900);
    expect(settled(world)).toEqual([]);
    await world.loop.run(60_000);
    // They may arrive one by one, and more be expected.
    expect(settled(world).length).toBeLessThanOrEqual(3);
    expect(Math.max(...settled(world))).toBeGreaterThanOrEqual(dueMs + 4);
  });

  it('begins no probe before the time that it proves', async () => {
    const world = await running();
    const dueMs = world.wallMs + 5_000;
    world.append(sendRequest('acme', { settle: { due_at: dueMs } }));
    await world.loop.run(4_000);
    expect(settled(world)).toEqual([]);
    await world.loop.run(4_000);
    expect(settled(world)).toHaveLength(1);
    expect(settled(world)[0]).toBeGreaterThanOrEqual(dueMs);
  });

  it('is remembered over a kill', async () => {
    const world = await running();
    world.stagesMs = 20_000;
    world.append(sendRequest('acme', { settle: { due_at: world.wallMs } }));
    await world.loop.run(5_000);
    world.kill(world.places[0]!);
    world.stagesMs = 100;
    world.start();
    await world.loop.run(30_000);
    expect(settled(world)).toHaveLength(1);
  });
});
