/** The gateways without the rest, for docker-compose.yml: kept alive by what `npm start` keeps them alive with. */
import { gatewayCount } from '../../config.ts'
import { createChildren } from './children/children.ts'
import { openGateways } from './gateways.ts'

const gateways = gatewayCount.default(1).parse(process.env.BACKLOT_GATEWAYS)
const children = createChildren({ logs: null, say: (text) => console.log(text), onLateMessage: () => {} })
openGateways(children, gateways, {})
for (const signal of ['SIGTERM', 'SIGINT'])
  process.on(signal, () => {
    void children.close().then(() => process.exit(0))
  })
