import {
  IconArrowsSplit2,
  IconFlag,
  IconHourglass,
  IconMail,
  IconMessage,
  IconWebhook,
  type Icon,
} from '@tabler/icons-react';
import { useMemo } from 'react';
import type { FlowReport } from '../data/api.ts';
import type { Flow, NodeType } from '../../../lib/flows/definition.ts';
import { nodeLabel, shortReason } from '../design/flow-words.ts';
import { factsOf, nodesOf, type NodeView } from './describe.ts';

const ICONS: Readonly<Record<NodeType, Icon>> = {
  wait: IconHourglass,
  wait_for: IconHourglass,
  split: IconArrowsSplit2,
  sms: IconMessage,
  email: IconMail,
  webhook: IconWebhook,
  exit: IconFlag,
};

interface DefinitionProps {
  flow: Flow;
  /** Counts for each node; none for a flow that has not run. */
  counts?: FlowReport['nodes'] | undefined;
}

/** A flow as a list that can be read: what starts and ends it, then its nodes in order. */
export function Definition({ flow, counts }: DefinitionProps) {
  const facts = useMemo(() => factsOf(flow), [flow]);
  const nodes = useMemo(() => nodesOf(flow), [flow]);
  return (
    <div className="stack" data-testid="definition">
      <dl className="flow-facts">
        {facts.map(({ label, lines }) => (
          <div key={label}>
            <dt>{label}</dt>
            {lines.map((line) => (
              <dd key={line}>{line}</dd>
            ))}
          </div>
        ))}
      </dl>
      <ol className="flow-nodes">
        {nodes.map((node) => (
          <Node key={node.id} node={node} counts={counts?.[node.id]} />
        ))}
      </ol>
    </div>
  );
}

function Node({ node, counts }: { node: NodeView; counts: FlowReport['nodes'][string] | undefined }) {
  const NodeIcon = ICONS[node.type];
  return (
    <li className="flow-node" data-testid={`node-${node.id}`}>
      <NodeIcon className="flow-node-icon" size={18} stroke={1.6} aria-hidden />
      <div className="flow-node-main">
        <h3>{node.label}</h3>
        <p>{node.does}</p>
        {node.edges.length > 0 && (
          <ul className="flow-edges">
            {node.edges.map(({ when, to }) => (
              <li key={when}>
                {when}: {to === null ? 'completed' : nodeLabel(to)}
              </li>
            ))}
          </ul>
        )}
        {node.templates.length > 0 && <Templates node={node} />}
      </div>
      {counts && <NodeCounts node={node} counts={counts} />}
    </li>
  );
}

function Templates({ node }: { node: NodeView }) {
  return (
    <details>
      <summary>What it says</summary>
      <dl className="flow-templates">
        {node.templates.map(({ label, text }) => (
          <div key={label}>
            <dt className="fine">{label}</dt>
            <dd>
              <pre className="code flow-template">{text}</pre>
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function NodeCounts({ node, counts }: { node: NodeView; counts: FlowReport['nodes'][string] }) {
  const { reached, waiting, sent, skipped, failed, unknown } = counts;
  const rows: [string, number][] = [
    ['reached', reached],
    ['here now', waiting],
    ...(node.isMessage ? ([['sent', sent]] as [string, number][]) : []),
    ...Object.entries(skipped)
      .sort(([, a], [, b]) => b - a)
      .map(([reason, count]): [string, number] => [`skipped: ${shortReason(reason)}`, count]),
    ...(failed > 0 ? ([['failed', failed]] as [string, number][]) : []),
    ...(unknown > 0 ? ([['unknown', unknown]] as [string, number][]) : []),
  ];
  return (
    <dl className="flow-node-counts">
      {rows.map(([name, count]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{count.toLocaleString('en-US')}</dd>
        </div>
      ))}
    </dl>
  );
}
