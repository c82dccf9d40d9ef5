// A form of the site.
export const condition = {
  "$via": {
    name: "Contact Form"
  },
  email: String
};

export const content = async () => {
  console.log('a form came in');
  data.valid = /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(data.email);
  if (!data.valid) {
    data.fault = 'no address';
  }
};

// A question about a product 🚨
export const condition = {
  "$via": {
    name: "Products"
  },
  product: String
};

export const content = async () => {
  const products = {
    'automation': { kind: 'Enterprise', price: 'é' },
    'tools': { kind: 'Developer' }
  };
  data.product = products[data.product] || { kind: 'Unknown' };
};

// A ticket
export const condition = {
  "$via": {
    name: "Tickets"
  },
  issue: String
};

export const content = async () => {
  const teams = { 'login': 'access', 'billing': 'money' };
  const team = Object.keys(teams).find(key =>
    data.issue.toLowerCase().includes(key)
  );
  data.team = team ? teams[team] : 'general';
};
