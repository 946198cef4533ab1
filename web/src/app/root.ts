import { createRootRoute } from '@tanstack/react-router';
import { Layout } from './Layout.tsx';
import { PageFailed, PageMissing } from './PageProblems.tsx';

/** Every page is a child of this route, and is shown inside the frame. */
export const rootRoute = createRootRoute({
  component: Layout,
  notFoundComponent: PageMissing,
  errorComponent: PageFailed,
});
