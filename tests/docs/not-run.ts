const NEEDS_DOCKER = 'needs a Docker daemon and a registry of images';

/** Every block of the pages that no test runs, by page and name, with the reason. A block that is neither run nor here fails the test of its page. */
export const NOT_RUN: Record<string, Record<string, string>> = {
  'docs/docker.md': {
    'Start 2': NEEDS_DOCKER,
    'Scale 1': NEEDS_DOCKER,
    'Backup 1': NEEDS_DOCKER,
    'Backup 2': NEEDS_DOCKER,
    'One container 1': NEEDS_DOCKER,
  },
  'docs/microsoft-365.md': {
    '2. In Exchange Online 1': 'needs PowerShell and an organization at Microsoft',
  },
};

/** Pages that a test elsewhere runs. */
export const RUN_ELSEWHERE: Record<string, string> = {
  'docs/backup.md': 'tests/process/backup.test.ts',
};
