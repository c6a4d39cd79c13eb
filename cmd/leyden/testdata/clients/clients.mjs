// Drives two running nodes with clients that nobody here wrote, and prints what they
// say as one JSON object: node clients.mjs PAYER_SOCKET PAYEE_ID HOST PORT RUNE
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import net from 'node:net'

const [socket, id, ip, port, rune] = process.argv.slice(2)
const require = createRequire(process.env.LEYDEN_CLIENTS + '/')
const load = name => import(pathToFileURL(require.resolve(name)))
const out = {}

// Over BOLT 8, with a rune: the payee.
const { default: Lnmessage } = await load('lnmessage')
const payee = new Lnmessage({ remoteNodePublicKey: id, ip, port: Number(port), tcpSocket: new net.Socket() })
if (!await payee.connect(false)) throw new Error('lnmessage does not connect')
const remote = (method, params = {}) => payee.commando({ method, params, rune })
out.remote = (await remote('getinfo')).id
const invoice = await remote('invoice', { amount_msat: 5000000, label: 'tea', description: 'one tea' })
out.long = (await remote('help')).help.length // in more than one message
out.refused = await remote('stop').catch(e => e)
out.unknown = await payee.commando({ method: 'getinfo', params: {}, rune: 'AAAA' }).catch(e => e)

// What others read of the invoice.
const bolt11 = require('bolt11').decode(invoice.bolt11)
out.bolt11 = { payee: bolt11.payeeNodeKey, msat: bolt11.millisatoshis, hash: bolt11.tagsObject.payment_hash, text: bolt11.tagsObject.description }
const light = require('light-bolt11-decoder').decode(invoice.bolt11)
out.light = Object.fromEntries(light.sections.filter(s => s.value !== undefined && typeof s.value !== 'object').map(s => [s.name, s.value]))
out.invoice = invoice

// Over the socket: the payer, with several requests at once.
const payer = require('clightning-client')(socket)
const waited = remote('waitanyinvoice', [0])
const [info, paid, again] = await Promise.all([payer.getinfo(), payer.pay(invoice.bolt11), payer.listfunds()])
out.payer = info.id
out.paid = paid
out.funds = again.channels.length
out.waited = await waited
out.listed = (await remote('listinvoices', { label: 'tea' })).invoices
out.error = await payer.call('listpays', ['nonsense']).catch(e => ({ code: e.code ?? e.error?.code, message: e.message }))
payee.disconnect()
console.log(JSON.stringify(out))
process.exit(0)
