/** The key of the question for the list of workspaces. */
export const WORKSPACES = ['workspaces'] as const;
