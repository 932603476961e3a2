// @google-cloud/pubsub in three versions and @googleapis/healthcare against the local cloud.
'use strict';

const {createRequire} = require('node:module');
const path = require('node:path');
const {runAll} = require('./cases');

const kept = folder => createRequire(path.join(process.env.KEPT, 'node', folder, 'package.json'));

for (const folder of ['pubsub6', 'pubsub5', 'pubsub4']) {
  const load = kept(folder);
  require('./pubsub')(load('@google-cloud/pubsub'), load('@google-cloud/pubsub/package.json').version);
}
require('./hospital')(kept('healthcare')('@googleapis/healthcare'), kept('pubsub5')('@google-cloud/pubsub'));
process.on('unhandledRejection', error => console.log(`# unhandled: ${error && error.message}`));
runAll();
