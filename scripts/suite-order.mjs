import { BaseSequencer } from 'vitest/node';

/** Files begin in the order in which $SUITES names their suites: those with the longest files first, so that no core idles at the end. */
export default class SuiteOrder extends BaseSequencer {
  async sort(files) {
    const suites = (process.env.SUITES ?? '').split(' ');
    const placeOf = ({ moduleId }) => suites.findIndex((path) => moduleId.includes(`/${path}`));
    return (await super.sort(files)).toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}
