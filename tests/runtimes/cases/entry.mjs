export * from 'grantkit'
