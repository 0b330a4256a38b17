// `node --require flags-start-manager.cjs ...`: see the module.
void import('./flags-start-manager.mjs');
