import type { FlowMessage } from '../data/api.ts';
import { excerptOf } from '../design/flow-words.ts';

/** A message as it was rendered. HTML is shown as text. */
export function Content({ content }: { content: FlowMessage['content'] }) {
  const parts = Object.entries(content ?? {}).filter(([, value]) => value !== null && value !== '');
  if (parts.length === 0) return null;
  return (
    <details className="flow-content">
      <summary>{excerptOf(content) ?? 'Content'}</summary>
      <dl className="flow-templates">
        {parts.map(([name, value]) => (
          <div key={name}>
            <dt className="fine">{name}</dt>
            <dd>
              <pre className="code flow-template">
                {typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)}
              </pre>
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
