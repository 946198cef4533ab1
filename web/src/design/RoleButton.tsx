import { Button, Tooltip, type ButtonProps } from '@mantine/core';
import type { ReactNode } from 'react';
import { useRefusal, type Role } from '../app/roles.ts';

interface RoleButtonProps extends ButtonProps {
  /** The role that the action needs. */
  needs: Role;
  children: ReactNode;
  onClick?(): void;
  type?: 'button' | 'submit';
  'aria-label'?: string;
}

/** A button for an action that needs a role. Without it, it stays reachable and says why it does nothing. */
export function RoleButton({ needs, onClick, disabled, type = 'button', ...rest }: RoleButtonProps) {
  const refusal = useRefusal(needs);
  if (refusal === null)
    return <Button {...rest} type={type} disabled={disabled ?? false} {...(onClick ? { onClick } : {})} />;
  return (
    <Tooltip label={refusal} multiline maw={260} events={{ hover: true, focus: true, touch: true }}>
      <Button {...rest} type="button" data-disabled aria-disabled="true" onClick={(event) => event.preventDefault()} />
    </Tooltip>
  );
}
