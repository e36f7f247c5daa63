import { remembered } from '../remembered.ts';

/**
 * What a request header field says about the answer. By its name alone: it names the caller (a credential), it says
 * nothing about the answer (noise), it tells by which way the request came (routing), or it selects, as any other field.
 *
 * A name that ends in `*` stands for all that begin so.
 */

/** Fields by which clients name a caller. */
const OF_CLIENTS = words(`
  authorization proxy-authorization cookie
  x-api-key api-key apikey x-access-token x-auth-token x-csrf-token x-xsrf-token x-tenant-id x-key x-telegram-init-data
`);

/** Fields by which proxies and gateways name a caller whom they have let in. */
const OF_GATEWAYS = words(`
  x-forwarded-user x-forwarded-email x-forwarded-groups x-forwarded-preferred-username x-auth-request-*
  x-goog-authenticated-user-* x-goog-iap-jwt-assertion cf-access-* x-amzn-oidc-* x-ms-client-principal*
  x-ms-token-* tailscale-user-* remote-user remote-groups x-remote-user x-webauth-* x-authentik-* x-consumer-*
  x-credential-* x-authenticated-* x-ssl-cert x-client-cert* client-cert* x-ssl-client-* ssl-client-* x-forwarded-client-cert
`);

export const CREDENTIALS: readonly string[] = [...OF_CLIENTS, ...OF_GATEWAYS];

/** A field that is not listed anywhere, but whose name says that it names a caller. */
export const NAMES_CALLER: RegExp = new RegExp(
  `(?:^|[-_])(?:${words(`
    user users uid account tenant org organization organisation member customer identity principal session
    sessionid sid token secret jwt auth authn authz authorization authentication apikey login role roles impersonate
    userid username useremail userinfo email workspace team company project password bearer ticket dpop claim claims
    clientcert oidc
  `).join('|')})(?:$|[-_])|(?:api|access|subscription|functions|app|client)[-_]?key`,
);

/** Fields by which a request is traced. */
const TRACING = words(`
  traceparent tracestate baggage b3 x-b3-* x-trace-id x-span-id x-amzn-trace-id x-cloud-trace-context x-datadog-*
  x-ot-* uber-trace-id sentry-trace newrelic x-request-id x-request-start x-queue-start x-correlation-id request-id
  x-vercel-id x-amz-cf-id fly-request-id x-azure-ref x-envoy-* x-requestid cf-request-id x-arr-log-id x-appgw-trace-id
`);

/**
 * Fields that say nothing about the answer: about the connection, the body of the request, its conditions, who called
 * before, how to trace it. What apps read of them goes into logs, not into pages. `vary.headers` makes one select.
 */
export const NOISE: readonly string[] = [
  ...TRACING,
  ...words(`
    connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect http2-settings
    content-length content-type content-encoding date via max-forwards priority upgrade-insecure-requests
    sec-fetch-* sec-purpose purpose cache-control pragma user-agent referer referrer from
    if-match if-none-match if-modified-since if-unmodified-since if-range range
    x-forwarded-for x-real-ip x-client-ip x-cluster-client-ip true-client-ip fastly-client-ip
    cf-connecting-ip cf-connecting-ipv6 cf-ray cdn-loop x-appengine-user-ip
    x-http-method-override x-http-method x-method-override :method :path :scheme :authority
  `),
];

/** By which way a request came: the scheme, the host and the path that its client used. */
export const ROUTING: readonly string[] = words(`
  forwarded x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto x-forwarded-scheme
  x-original-host x-original-url x-rewrite-url cf-visitor
`);

/** Cookies of analytics and of consent, which no app makes a page of. */
export const NOISE_COOKIES: readonly string[] = words(`
  _ga _gid _gat _fbp _fbc _clck _clsk _scid _ttp _pin_unauth _rdt_uuid _ym_uid _ym_d _ym_isad _ym_visorc
  _uetsid _uetvid _hjid _mkto_trk hubspotutk __hstc __hssc __hssrc __hs_opt_out __zlcmid ajs_anonymous_id
  optimizelyEndUserId s_cc s_sq s_fid __cf_bm _cfuvid cf_clearance
  OptanonConsent OptanonAlertBoxClosed CookieConsent cookieconsent_status cookie_consent euconsent-v2
  eupubconsent-v2 usprivacy gdpr klaro didomi_token tarteaucitron notice_gdpr_prefs cmapi_cookie_privacy
`);

/** The same, of which each site has its own. A session is called otherwise: `_game_session`, `_hjobs_session`. */
const NOISE_COOKIE =
  /^(?:_ga_[A-Z0-9]{3,}|_gat_[A-Z][\w-]*|_gcl_(?:au|aw|dc|gb|gs|gf|ha)|_gac_UA-[\w-]+|_dc_gtm_UA-[\w-]+|__utm[a-z]{1,2}|_hj[A-Z]\w*|_pk_(?:id|ses|ref|cvar|hsr|testcookie)\.[\w.]+|amp_[0-9a-f]{6}|amplitude_id_\w+|mp_[0-9a-f]{32}_mixpanel|ph_phc_\w+_posthog|intercom-(?:id|device-id)-\w+|AMCVS?_[\w%@]+AdobeOrg)$/;

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** Names of a list, looked up by whole name or by beginning. */
class Names {
  readonly #whole: ReadonlySet<string>;
  readonly #beginnings: readonly string[];

  constructor(names: readonly string[]) {
    this.#whole = new Set(names);
    this.#beginnings = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  }

  has(name: string): boolean {
    return this.#whole.has(name) || this.#beginnings.some((beginning) => name.startsWith(beginning));
  }
}

const credentials = new Names(CREDENTIALS);
const noise = new Names(NOISE);
const tracing = new Names(TRACING);
const noiseCookies: ReadonlySet<string> = new Set(NOISE_COOKIES);
const gateways = new Names(OF_GATEWAYS);

type Kind = 'credential' | 'noise' | 'selects';

/** Clients may send any name, so only so many are remembered. */
const MAX_REMEMBERED = 1000;
const kinds = new Map<string, Kind>();

/** The name of a field as it was received, in lower case. */
export const lowerCase: (name: string) => string = remembered((name) => name.toLowerCase());

/** What a field is, by its lower-case name. Nothing of the options is asked. */
function kindOf(name: string): Kind {
  const known = kinds.get(name);
  if (known) return known;
  const isCaller = credentials.has(name.replaceAll('_', '-')) || NAMES_CALLER.test(name);
  const kind = noise.has(name) ? 'noise' : isCaller ? 'credential' : 'selects';
  if (kinds.size < MAX_REMEMBERED) kinds.set(name, kind);
  return kind;
}

/** Whether a field, by its lower-case name, names a caller. */
export function isCredential(name: string): boolean {
  return kindOf(name) === 'credential';
}

/** Whether a field, by its lower-case name, is a usual one for credentials, and not only called like one. */
export function isUsualCredential(name: string): boolean {
  return credentials.has(name);
}

/** Whether a gateway in front of the app names callers by a field, so that perhaps no stranger ever reaches the app. */
export function isOfGateway(name: string): boolean {
  return gateways.has(name);
}

/** Whether a field, by its lower-case name, says nothing about the answer. */
export function isNoise(name: string): boolean {
  return kindOf(name) === 'noise';
}

/** Whether a field, by its lower-case name, traces one request. */
export function isTracing(name: string): boolean {
  return tracing.has(name);
}

/** Whether a placed value is called as a caller is: `req.currentUser`, `res.locals.session`. */
export function isCallersName(name: string): boolean {
  const separated = name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('.', '-')
    .toLowerCase();
  return isCredential(separated) || PLACED_CALLER.test(separated);
}

const PLACED_CALLER =
  /(?:^|-)(?:client|caller|viewer|person|actor|subject|profile|oidc|kauth|ability)(?:$|-)/;

/** Whether a cookie is one of analytics or of consent. */
export function isNoiseCookie(name: string): boolean {
  return noiseCookies.has(name) || NOISE_COOKIE.test(name);
}
