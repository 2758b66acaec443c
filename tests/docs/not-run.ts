const NEEDS_DOCKER = 'needs a Docker daemon and a registry of images';

/** Every block of the pages that no test runs, by page and name, with the reason. A block that is neither run nor here fails the test of its page. */
export const NOT_RUN: Record<string, Record<string, string>> = {
  'README.md': {
    'Run it 1': 'installs the packages of this project anew; the start itself is what the test begins with',
    'Develop it 1': 'runs all tests, of which this is one',
  },
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
