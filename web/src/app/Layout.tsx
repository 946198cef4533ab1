import { ActionIcon, NativeSelect } from '@mantine/core';
import { IconBook2, IconLogout2, IconMenu2, IconX } from '@tabler/icons-react';
import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { useEffect, useRef, type MouseEvent } from 'react';
import { Mark } from '../design/Mark.tsx';
import { NAVIGATION } from './navigation.ts';
import { ROLE_WORDS } from './roles.ts';
import { SchemeToggle } from './SchemeToggle.tsx';
import { useSession } from './session.ts';

/** The frame of every page: navigation, workspace, and where the page goes. */
export function Layout() {
  const content = useRef<HTMLElement>(null);
  const skip = (event: MouseEvent): void => {
    // The fragment of the address names the page, so this must not become one.
    event.preventDefault();
    content.current?.focus();
  };
  return (
    <div className="frame">
      <a className="skip" href="#content" onClick={skip}>
        Skip to the content
      </a>
      <aside className="side">
        <Brand />
        <SideContent />
      </aside>
      <TopBar />
      <main id="content" ref={content} className="content" tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

function Brand() {
  return (
    <Link className="brand" to="/" aria-label="Jane Traits, first page">
      <Mark size={24} />
      <span>Jane Traits</span>
    </Link>
  );
}

/** On narrow screens; the navigation is in a dialog. */
function TopBar() {
  const dialog = useRef<HTMLDialogElement>(null);
  const { pathname } = useLocation();
  useEffect(() => dialog.current?.close(), [pathname]);
  return (
    <header className="topbar">
      <Brand />
      <ActionIcon variant="subtle" color="gray" size="xl" aria-label="Menu" onClick={() => dialog.current?.showModal()}>
        <IconMenu2 size={20} />
      </ActionIcon>
      <dialog ref={dialog} className="nav-dialog" aria-label="Menu">
        <ActionIcon
          className="nav-close"
          variant="subtle"
          color="gray"
          size="lg"
          aria-label="Close the menu"
          onClick={() => dialog.current?.close()}
        >
          <IconX size={18} />
        </ActionIcon>
        <SideContent />
      </dialog>
    </header>
  );
}

function SideContent() {
  const { role, leave } = useSession();
  return (
    <>
      <WorkspaceName />
      <nav aria-label="Pages">
        {NAVIGATION.map(({ title, entries }) => (
          <div key={title ?? ''} className="nav">
            {title !== undefined && <div className="nav-title">{title}</div>}
            {entries.map(({ to, title: name, icon: Icon }) => (
              <Link key={to} to={to}>
                <Icon size={17} stroke={1.6} aria-hidden />
                {name}
              </Link>
            ))}
          </div>
        ))}
      </nav>
      <div className="side-end">
        <span className="side-role">{ROLE_WORDS[role]}</span>
        <SchemeToggle />
        <ActionIcon
          component="a"
          href="/docs"
          target="_blank"
          rel="noopener"
          variant="subtle"
          color="gray"
          size="lg"
          aria-label="API reference"
          title="API reference"
        >
          <IconBook2 size={18} />
        </ActionIcon>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          aria-label="Use another key"
          title="Use another key"
          onClick={leave}
        >
          <IconLogout2 size={18} />
        </ActionIcon>
      </div>
    </>
  );
}

function WorkspaceName() {
  const { workspace, workspaces, choose } = useSession();
  if (workspaces.length < 2)
    return (
      <span className="workspace">
        {workspace.name}
        <small>{workspace.time_zone}</small>
      </span>
    );
  return (
    <NativeSelect
      size="xs"
      aria-label="Workspace"
      description={workspace.time_zone}
      inputWrapperOrder={['input', 'description']}
      value={workspace.id}
      data={workspaces.map(({ id, name }) => ({ value: id, label: name }))}
      onChange={(event) => choose(event.currentTarget.value)}
    />
  );
}
