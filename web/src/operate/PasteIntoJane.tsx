import { Button } from '@mantine/core';
import type { SubscriptionSecrets } from '../data/api.ts';
import { CopyLine } from '../design/CopyLine.tsx';
import { EVENT_WORDS } from './words.ts';

interface PasteIntoJaneProps {
  secrets: SubscriptionSecrets;
  rotated: boolean;
  onDone(): void;
}

/** What to register at Jane. The secrets are shown only once. */
export function PasteIntoJane({ secrets, rotated, onDone }: PasteIntoJaneProps) {
  return (
    <div className="form">
      <p className="fine">
        {rotated
          ? 'Replace the token and the secret in Jane within 24 hours; until then the old ones stay valid.'
          : `Register a webhook for “${EVENT_WORDS[secrets.event].title.toLowerCase()}” in Jane with these values.`}{' '}
        The token and the secret are <strong>shown only once</strong>.
      </p>
      <Field label="URL" text={secrets.url} copies="URL" />
      <Field label="Auth token" text={secrets.bearer_token} copies="token" />
      <Field label="Signing secret" text={secrets.signing_secret} copies="secret" />
      <details className="try">
        <summary>Try it without Jane</summary>
        <p className="fine">Signs an order as Jane does and sends it; it is counted within two seconds.</p>
        <pre className="code">{tryIt(secrets)}</pre>
      </details>
      <Button onClick={onDone}>I have copied them</Button>
    </div>
  );
}

function Field({ label, text, copies }: { label: string; text: string; copies: string }) {
  return (
    <div>
      <span className="field-label">{label}</span>
      <CopyLine text={text} label={copies} />
    </div>
  );
}

function tryIt({ url, bearer_token, signing_secret }: SubscriptionSecrets): string {
  return `body='{"cart":{"id":1001,"status":"verification","customer_phone_number":"+18085550143","store_id":68}}'
at=$(date +%s)
sign=$(printf '%s:%s' "$at" "$body" | openssl dgst -sha256 -hmac '${signing_secret}' -r | cut -d' ' -f1)
curl -sS '${url}' -H 'Authorization: Bearer ${bearer_token}' -H 'Content-Type: application/json' \\
  -H "X-Jane-Request-Timestamp: $at" -H "X-Jane-Signature: $sign" -d "$body"`;
}
