import { UnstyledButton } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';
import { Fragment } from 'react';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { count, span } from '../design/time.ts';
import type { PartitionView, StageView } from './stage-views.ts';

interface StageTableProps {
  stages: readonly StageView[];
  /** The stage whose partitions are shown. */
  open: string | null;
  onToggle(id: string): void;
}

export function StageTable({ stages, open, onToggle }: StageTableProps) {
  return (
    <section className="panel table-scroll" aria-labelledby="stages-title" tabIndex={0}>
      <h2 id="stages-title">Stages</h2>
      <table className="table stages" data-testid="stages">
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col">State</th>
            <th scope="col">Partitions</th>
            <th scope="col" className="number">
              Lag
            </th>
            <th scope="col" className="number">
              Behind
            </th>
          </tr>
        </thead>
        <tbody>
          {stages.map((stage) => (
            <Fragment key={stage.id}>
              <StageRow stage={stage} opened={stage.id === open} onToggle={() => onToggle(stage.id)} />
              {stage.id === open && (
                <tr className="stage-detail">
                  <td colSpan={5} id={`stage-${stage.id}`}>
                    <StageDetail stage={stage} />
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function StageRow({ stage, opened, onToggle }: { stage: StageView; opened: boolean; onToggle(): void }) {
  const { id, title, does, tone, words, lag, behindMs, partitions, topic } = stage;
  return (
    <tr data-tone={tone} data-testid={`stage-${id}`}>
      <th scope="row">
        <UnstyledButton className="stage-open" onClick={onToggle} aria-expanded={opened} aria-controls={`stage-${id}`}>
          <IconChevronRight size={14} aria-hidden className="chevron" />
          <span>
            {title}
            <span className="stage-does">{does}</span>
          </span>
        </UnstyledButton>
      </th>
      <td>
        <span className="stage-state">
          <span className="tone-dot" data-tone={tone} aria-hidden="true" />
          {words}
        </span>
      </td>
      <td>{partitions.length > 0 && <Strip partitions={partitions} />}</td>
      <td className="number">{topic === null ? '' : lag === null ? 'unknown' : count(lag)}</td>
      <td className="number">
        {topic === null ? '' : behindMs === null ? 'unknown' : behindMs === 0 ? '—' : span(behindMs)}
      </td>
    </tr>
  );
}

/** One mark for each partition. */
function Strip({ partitions }: { partitions: readonly PartitionView[] }) {
  const good = partitions.filter(({ tone }) => tone === 'good' || tone === 'busy').length;
  return (
    <span className="strip" role="img" aria-label={`${good} of ${partitions.length} partitions running`}>
      {partitions.map(({ partition, tone, words }) => (
        <span key={partition} className="strip-cell" data-tone={tone} title={`Partition ${partition}: ${words}`} />
      ))}
    </span>
  );
}

function StageDetail({ stage }: { stage: StageView }) {
  return (
    <div className="form">
      <p className="fine">
        {stage.topic !== null && (
          <>
            Reads <code>{stage.topic}</code>.{' '}
          </>
        )}
        {stage.freshThrough !== null && (
          <>
            Has processed everything that was accepted before <ZonedTime at={stage.freshThrough} as="stamp" />.{' '}
          </>
        )}
        {stage.urls.length === 0 ? (
          'No process of this stage answers.'
        ) : (
          <>
            Its processes serve /healthz, /readyz and /metrics at{' '}
            {stage.urls.map((url, index) => (
              <Fragment key={url}>
                {index > 0 && ', '}
                <code>{url}</code>
              </Fragment>
            ))}
            .
          </>
        )}
      </p>
      {stage.partitions.length > 0 && <PartitionTable partitions={stage.partitions} />}
    </div>
  );
}

function PartitionTable({ partitions }: { partitions: readonly PartitionView[] }) {
  return (
    <table className="table partitions" data-testid="partitions">
      <thead>
        <tr>
          <th scope="col" className="number">
            Partition
          </th>
          <th scope="col">State</th>
          <th scope="col" className="number">
            Position
          </th>
          <th scope="col" className="number">
            End
          </th>
          <th scope="col" className="number">
            Lag
          </th>
          <th scope="col">Log time</th>
          <th scope="col">Next deadline</th>
        </tr>
      </thead>
      <tbody>
        {partitions.map(({ partition, tone, words, position, end, lag, logTime, earliestDue, url }) => (
          <tr key={partition}>
            <th scope="row" className="number">
              {partition}
            </th>
            <td title={url === null ? 'No process reports it' : `Process at ${url}`}>
              <span className="stage-state">
                <span className="tone-dot" data-tone={tone} aria-hidden="true" />
                {words}
              </span>
            </td>
            <td className="number">{position === null ? 'unknown' : count(position)}</td>
            <td className="number">{count(end)}</td>
            <td className="number">{lag === null ? 'unknown' : count(lag)}</td>
            <td>{logTime === null ? '—' : <ZonedTime at={logTime} as="clock" />}</td>
            <td>{earliestDue === null ? '—' : <ZonedTime at={earliestDue} as="clock" />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
