"""What people and programs do, for the API and the settings' pages alike: within the caller's tenant, and audited."""
