import { contiguousEnd, type Span } from './chain.ts';

/** Decisions on which exactness rests. A simulation replaces them with wrong ones to prove that it would notice. */
export interface SinkRules {
  /** The offset at which a partition resumes, by the spans in its ledger; null where there are none. */
  resumeOffset(spans: readonly Span[]): number | null;
}

export const SINK_RULES: SinkRules = { resumeOffset: contiguousEnd };
