/** Every block of the pages that no test runs, by page and name, with the reason. A block that is neither run nor here fails the test of its page. */
export const NOT_RUN: Record<string, Record<string, string>> = {
  'docs/microsoft-365.md': {
    '2. In Exchange Online 1': 'needs PowerShell and an organization at Microsoft',
  },
};
