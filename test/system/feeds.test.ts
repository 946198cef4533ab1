/** Live audiences on real engines, in short: traffic, merges, retractions, redefinitions and kills. */
import { describe, expect, it } from 'vitest';
import { runAudiences } from '../feeds/run.ts';

describe('live audiences', () => {
  it('have feeds that equal full evaluations at every rest point, whatever is killed', async () => {
    const seed = Number(process.env['SEED'] ?? 1);
    const findings = await runAudiences({
      seed,
      rounds: 2,
      people: 500,
      audiences: 9,
      rate: 40,
      backMs: 50_000,
      roundMs: 15_000,
      redefinitionsPerRound: 2,
      killsPerRound: 2,
      killed: ['audiences', 'sink'],
      idleMs: 0,
      ownEngines: false,
      say: () => undefined,
    });
    for (const { wrong } of findings.rests) expect(wrong).toEqual({});
    expect(findings).toMatchObject({ isSameInTopic: true, kills: 4 });
    // Nothing was compared with nothing.
    const causes = [
      'entered event',
      'left time',
      'left retraction',
      'entered merge',
      'left merge',
      'entered definition',
    ];
    expect(Object.keys(findings.causes)).toEqual(expect.arrayContaining(causes));
    expect(findings.changes).toBeGreaterThan(500);
  });
});
