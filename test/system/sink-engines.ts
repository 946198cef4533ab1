/** The addresses of the engines that tests run on. */
export const engineEnv = (): NodeJS.ProcessEnv => process.env;
