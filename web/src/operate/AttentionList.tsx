import { TextInput } from '@mantine/core';
import { useState } from 'react';
import { CopyLine } from '../design/CopyLine.tsx';
import { skipCommand, type SkippableRecord } from './advice.ts';
import { partitionWords, type Attention, type StageView } from './stage-views.ts';

interface AttentionListProps {
  attention: readonly Attention[];
  stages: readonly StageView[];
}

/** What somebody has to solve: one panel for each problem. */
export function AttentionList({ attention, stages }: AttentionListProps) {
  return (
    <section className="attention" aria-label="What needs attention">
      {attention.map((item) => (
        <AttentionPanel
          key={`${item.stage} ${item.partitions.join(' ')}`}
          item={item}
          all={stages.find(({ id }) => id === item.stage)?.partitions.length ?? 0}
        />
      ))}
    </section>
  );
}

function AttentionPanel({ item, all }: { item: Attention; all: number }) {
  const { advice } = item;
  return (
    <article className="panel attention-panel" data-testid="attention">
      <p className="attention-where">
        {item.title}, {partitionWords(item.partitions, all)}
      </p>
      <h2>{advice.title}</h2>
      <ol className="steps">
        {advice.steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      {advice.skip !== null && <SkipCommand record={advice.skip} />}
    </article>
  );
}

/** The command can only be run where the installation is: it writes to Kafka, not to the API. */
function SkipCommand({ record }: { record: SkippableRecord }) {
  const [reason, setReason] = useState('');
  return (
    <div className="form">
      <TextInput
        label="Reason"
        description="It is kept with the skip and with the dead letter."
        placeholder="fails since release 0.2"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        autoComplete="off"
        maw={560}
      />
      <CopyLine text={skipCommand(record, reason)} label="command" />
    </div>
  );
}
