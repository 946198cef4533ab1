import type { Logger } from 'pino';
import type { FactsNeeded, PersonFacts } from '../../lib/audiences/index.ts';
import { Backoff, type Clock } from '../../lib/clock/index.ts';
import { answersTo, factsNeededBy } from './answers.ts';
import type { DeliveryMetrics } from './metrics.ts';
import type { OpenQuestion } from './state.ts';

/** Questions of one batch. */
const BATCH_MAX = 2_000;
/** People in one question to ClickHouse. */
const PEOPLE_MAX = 1_000;
/** Batches under way at a time: while one waits for the sink, the next may begin. */
const BATCHES_MAX = 4;
const PAUSES = { firstMs: 250, maxMs: 10_000 };

export interface QuestionerDeps {
  partition: number;
  /** Resolves once ClickHouse holds everything that the partition of trait-events holds now. */
  untilStored(signal: AbortSignal): Promise<void>;
  /** The facts of people as ClickHouse has them, by the id that was asked for, with merges applied. */
  facts(
    workspace: string,
    personIds: readonly number[],
    needed: FactsNeeded,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, PersonFacts>>;
  answer(question: OpenQuestion, yes: boolean): void;
  clock: Clock;
  logger: Logger;
  metrics: DeliveryMetrics;
  /** Aborted when the task ends. */
  signal: AbortSignal;
}

/**
 * Asks ClickHouse the open questions of one partition, in batches. A batch is asked once the sink has stored everything
 * that was in trait-events when the batch began, so it sees everything that precedes its questions. While ClickHouse is
 * unavailable, the questions wait.
 */
export class Questioner {
  private waiting: OpenQuestion[] = [];
  private batches = 0;
  private readonly backoff = new Backoff(PAUSES);
  private pausing = false;

  constructor(private readonly deps: QuestionerDeps) {}

  ask(question: OpenQuestion): void {
    this.waiting.push(question);
  }

  /** Begins what can begin. */
  pump(): void {
    while (this.waiting.length > 0 && this.batches < BATCHES_MAX && !this.pausing && !this.deps.signal.aborted) {
      const batch = this.waiting.splice(0, BATCH_MAX);
      this.batches++;
      void this.run(batch).finally(() => {
        this.batches--;
        this.pump();
      });
    }
  }

  private async run(batch: readonly OpenQuestion[]): Promise<void> {
    const { signal, logger, metrics, clock, partition, untilStored } = this.deps;
    try {
      const startedAtMs = clock.elapsedMs();
      await untilStored(signal);
      for (const [workspace, questions] of byWorkspace(batch)) await this.askWorkspace(workspace, questions);
      metrics.questionSeconds.observe((clock.elapsedMs() - startedAtMs) / 1_000);
      this.backoff.reset();
    } catch (err) {
      if (signal.aborted) return;
      // Some of them may have been answered: the state ignores a second answer.
      this.waiting = [...batch, ...this.waiting];
      const retryMs = this.backoff.nextMs();
      metrics.questionFailures.inc();
      logger.warn({ partition, questions: batch.length, retryMs, err }, 'cannot answer questions of flows; retrying');
      this.pausing = true;
      await clock.sleep(retryMs, signal);
      this.pausing = false;
    }
  }

  private async askWorkspace(workspace: string, questions: readonly OpenQuestion[]): Promise<void> {
    const { facts, signal, answer, metrics } = this.deps;
    const ids = [...new Set(questions.map(({ question }) => question.person_id))];
    const needed = factsNeededBy(questions);
    const known = new Map<number, PersonFacts>();
    for (let i = 0; i < ids.length; i += PEOPLE_MAX) {
      for (const [id, of] of await facts(workspace, ids.slice(i, i + PEOPLE_MAX), needed, signal)) known.set(id, of);
    }
    answersTo(questions, known).forEach((yes, i) => {
      const question = questions[i]!;
      metrics.answers.inc({ kind: question.question.what });
      answer(question, yes);
    });
  }
}

function byWorkspace(questions: readonly OpenQuestion[]): Map<string, OpenQuestion[]> {
  const groups = new Map<string, OpenQuestion[]>();
  for (const open of questions) {
    const group = groups.get(open.workspace);
    if (group === undefined) groups.set(open.workspace, [open]);
    else group.push(open);
  }
  return groups;
}
