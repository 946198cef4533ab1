/** What becomes of messages that flows revoke, on a simulated Kafka. */
import { describe, expect, it } from 'vitest';
import type { CallResult } from './channel.ts';
import { request, revoke, running } from './testing.ts';

describe('a revocation', () => {
  it('of a run that ended: the message is skipped', async () => {
    const world = await running();
    request(world, 'a');
    revoke(world, 'a', 'ended');
    await world.loop.run(2_000);
    expect([world.outcomesOf('a'), world.calls]).toEqual([['skipped revoked'], []]);
  });

  it('by a pause has a reply, and the same request again is sent', async () => {
    const world = await running();
    request(world, 'a');
    revoke(world, 'a', 'paused');
    await world.loop.run(2_000);
    expect([world.outcomesOf('a'), world.calls]).toEqual([['skipped revoked'], []]);
    request(world, 'a');
    await world.loop.run(2_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['skipped revoked', 'sent'], 1]);
  });

  it('of a run that ended while a pause had revoked its message: the message is skipped, once, however late', async () => {
    const world = await running();
    request(world, 'a');
    revoke(world, 'a', 'paused');
    await world.loop.run(2_000);
    revoke(world, 'a', 'ended');
    revoke(world, 'a', 'ended');
    await world.loop.run(2_000);
    request(world, 'a');
    await world.loop.run(2_000);
    // The reply to the pause, then the outcome.
    expect([world.outcomesOf('a'), world.calls]).toEqual([['skipped revoked', 'skipped revoked'], []]);
    // One that the pause has revoked so long ago that it is forgotten.
    revoke(world, 'b', 'ended');
    await world.loop.run(2_000);
    expect(world.outcomesOf('b')).toEqual(['skipped revoked']);
  });

  it('by a pause while the code of the message is looked up: there is no other outcome than the reply', async () => {
    const world = await running();
    world.codeMs = 1_000;
    request(world, 'a', { code_pool: 'empty', code_index: 0 });
    await world.loop.run(500);
    revoke(world, 'a', 'paused');
    await world.loop.run(5_000);
    expect([world.outcomesOf('a'), world.calls]).toEqual([['skipped revoked'], []]);
  });

  it('by a pause of a message that is not known has a reply', async () => {
    const world = await running();
    revoke(world, 'a', 'paused');
    await world.loop.run(2_000);
    expect(world.outcomesOf('a')).toEqual(['skipped revoked']);
    request(world, 'a');
    await world.loop.run(2_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['skipped revoked', 'sent'], 1]);
  });

  it('comes too late for a call that has begun, and a call that is over', async () => {
    const world = await running();
    world.callMs = 3_000;
    request(world, 'a');
    await world.loop.run(1_000);
    revoke(world, 'a', 'ended');
    await world.loop.run(5_000);
    revoke(world, 'a', 'paused');
    await world.loop.run(1_000);
    request(world, 'a');
    await world.loop.run(5_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['sent'], 1]);
  });
});

describe('a revocation during a call', () => {
  const during = async (reason: 'ended' | 'paused', result: CallResult = { name: 'not_sent', reason: '429' }) => {
    const world = await running();
    world.callMs = 2_000;
    world.resultOf = () => result;
    request(world, 'a');
    await world.loop.run(1_000);
    revoke(world, 'a', reason);
    await world.loop.run(500);
    return world;
  };

  it('is the end when nothing was sent', async () => {
    const world = await during('ended');
    await world.loop.run(20_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['skipped revoked'], 1]);
  });

  it('by a pause has its reply after the call, when nothing was sent', async () => {
    const world = await during('paused');
    expect(world.outcomesOf('a')).toEqual([]);
    await world.loop.run(5_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['skipped revoked'], 1]);
    world.resultOf = () => ({ name: 'sent' });
    request(world, 'a');
    await world.loop.run(20_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['skipped revoked', 'sent'], 2]);
  });

  it('by a pause has no reply but the outcome, when the message was sent', async () => {
    const world = await during('paused', { name: 'sent' });
    await world.loop.run(20_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['sent'], 1]);
  });

  it('by a pause, and then by the end of the run, when nothing was sent: it is skipped', async () => {
    const world = await during('paused');
    revoke(world, 'a', 'ended');
    await world.loop.run(20_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['skipped revoked'], 1]);
  });

  it('by a pause is remembered over a kill: the outcome is unknown, and another request has no effect', async () => {
    const world = await during('paused');
    world.kill(world.places[0]!);
    world.start();
    await world.loop.run(60_000);
    request(world, 'a');
    await world.loop.run(5_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['unknown interrupted'], 1]);
  });

  it('is remembered over a kill', async () => {
    const world = await during('ended');
    world.retriesUnknown = true;
    world.kill(world.places[0]!);
    world.start();
    await world.loop.run(60_000);
    expect([world.outcomesOf('a'), world.callsOf('a').length]).toEqual([['unknown revoked'], 1]);
  });
});
