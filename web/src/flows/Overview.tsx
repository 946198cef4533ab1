import { Button, SegmentedControl } from '@mantine/core';
import type { FlowReport, SavedFlow } from '../data/api.ts';
import { exitWords, FLOW_STATES, refusalWords, skipWords } from '../design/flow-words.ts';
import { ErrorState, LoadingState, Notice } from '../design/states.tsx';
import { StatTile } from '../design/StatTile.tsx';
import { counted, money } from '../design/words.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { flowOf, notSentOf, sentOf, useReport, useVersion } from './data.ts';
import { Definition } from './Definition.tsx';
import type { FlowRange } from './search.ts';
import type { TabProps } from './tab.ts';

const RANGES: readonly { value: FlowRange | 'all'; label: string }[] = [
  { value: '24h', label: '24 hours' },
  { value: '7d', label: '7 days' },
  { value: '30d', label: '30 days' },
  { value: 'all', label: 'All time' },
];

/** What the flow does, and what it has done. */
export function Overview({ saved, search, onShow }: TabProps) {
  const isPublished = saved.live_version !== null;
  return (
    <div className="stack">
      <StateNotice saved={saved} />
      {isPublished && (
        <SegmentedControl
          className="flow-range"
          size="xs"
          aria-label="Time that is counted"
          data={RANGES.map(({ value, label }) => ({ value, label }))}
          value={search.range ?? 'all'}
          onChange={(range) => onShow({ ...search, range: range === 'all' ? undefined : (range as FlowRange) })}
        />
      )}
      {isPublished && <Done saved={saved} range={search.range} />}
      <DefinitionPanel saved={saved} search={search} onShow={onShow} />
    </div>
  );
}

/** Live flows need no explanation. */
function StateNotice({ saved }: { saved: SavedFlow }) {
  const { label, means } = FLOW_STATES[saved.state];
  const { live_version, version, state } = saved;
  const isNewer = live_version !== null && version > live_version && state !== 'archived';
  return (
    <>
      {state !== 'live' && <Notice title={label}>{means}</Notice>}
      {isNewer && (
        <Notice title={`Version ${version} is saved, but not published`}>
          New runs are on version {live_version} until it is published.
        </Notice>
      )}
    </>
  );
}

function Done({ saved, range }: { saved: SavedFlow; range: FlowRange | undefined }) {
  const report = useReport(saved.id, range);
  if (report.error && !report.data)
    return <ErrorState what="Cannot load the report" error={report.error} onRetry={() => void report.refetch()} />;
  if (!report.data) return <LoadingState lines={3} what="Loading the report" />;
  return (
    <div className="stack" data-stale={report.isPlaceholderData || undefined}>
      <ReportFigures report={report.data} hasGoal={flowOf(saved).goal !== undefined} />
      <Reasons report={report.data} />
    </div>
  );
}

/** The numbers of a report, also of a back-test, which has no goals. */
export function ReportFigures({
  report,
  hasGoal,
}: {
  report: Pick<FlowReport, 'entered' | 'live' | 'completed' | 'exited' | 'nodes'> & Partial<FlowReport>;
  hasGoal: boolean;
}) {
  const { entered, live, completed, exited, goals, revenue } = report;
  const early = Object.values(exited).reduce((sum, count) => sum + count, 0);
  return (
    <div className="panel flow-figures">
      <StatTile label="Runs started" value={entered} testId="entered" />
      <StatTile label="Live now" value={live} testId="live" />
      <StatTile label="Completed" value={completed} hint={`${early.toLocaleString('en-US')} ended early`} />
      <StatTile
        label="Messages sent"
        value={sentOf(report)}
        hint={`${notSentOf(report).toLocaleString('en-US')} not sent`}
        testId="sent"
      />
      {hasGoal && goals !== undefined && (
        <StatTile label="Goals" value={goals} hint={money(revenue ?? 0)} testId="goals" />
      )}
    </div>
  );
}

/** Why runs were not started, why they ended early, and why messages were not sent. */
export function Reasons({ report }: { report: Pick<FlowReport, 'refused' | 'exited' | 'nodes'> }) {
  const skipped: Record<string, number> = {};
  for (const node of Object.values(report.nodes)) {
    for (const [reason, count] of Object.entries(node.skipped)) skipped[reason] = (skipped[reason] ?? 0) + count;
  }
  const lists = [
    { title: 'Runs not started', counts: report.refused, words: refusalWords },
    { title: 'Runs that ended early', counts: report.exited, words: exitWords },
    { title: 'Messages not sent', counts: skipped, words: skipWords },
  ].filter(({ counts }) => Object.keys(counts).length > 0);
  if (lists.length === 0) return null;
  return (
    <div className="flow-reasons" data-testid="reasons">
      {lists.map(({ title, counts, words }) => (
        <section key={title} className="panel" aria-label={title}>
          <h2>{title}</h2>
          <ul>
            {Object.entries(counts)
              .sort(([, a], [, b]) => b - a)
              .map(([reason, count]) => (
                <li key={reason}>
                  <span>{words(reason)}</span>
                  <strong className="tabular">{count.toLocaleString('en-US')}</strong>
                </li>
              ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

/** The definition with counts: the live version, and another one on request. */
function DefinitionPanel({ saved, search, onShow }: TabProps) {
  const { version: latest, live_version: live } = saved;
  const wanted = search.version ?? live ?? latest;
  const other = useVersion(saved.id, wanted === latest ? null : wanted);
  const report = useReport(saved.id, search.range);
  const flow = wanted === latest ? flowOf(saved) : other.data;
  const alternative = wanted === latest ? live : latest;
  return (
    <section className="panel" aria-labelledby="definition-title">
      <header className="panel-head">
        <div>
          <h2 id="definition-title">What it does</h2>
          <p className="fine">
            Version {wanted}
            {wanted === live && saved.published_at !== null && (
              <>
                , published <ZonedTime at={saved.published_at} />
              </>
            )}
            {wanted === latest && live !== latest && (
              <>
                , saved <ZonedTime at={saved.updated_at} />
              </>
            )}
            . {counted(Object.keys(flow?.nodes ?? {}).length, 'node', 'nodes')}.
          </p>
        </div>
        {alternative !== null && alternative !== wanted && (
          <Button size="xs" variant="default" onClick={() => onShow({ ...search, version: alternative })}>
            Show version {alternative}
          </Button>
        )}
      </header>
      {other.error ? (
        <ErrorState what="Cannot load this version" error={other.error} onRetry={() => void other.refetch()} />
      ) : flow === undefined ? (
        <LoadingState lines={6} what="Loading the version" />
      ) : flow === null ? (
        <Notice title={`There is no version ${wanted}`} />
      ) : (
        <Definition flow={flow} counts={live === null ? undefined : report.data?.nodes} />
      )}
    </section>
  );
}
