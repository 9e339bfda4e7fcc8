"""The store on DynamoDB, by PynamoDB.

models.py      the five tables, item by item; their keys are those of infra/aws/resources.yaml
keys.py        how keys are written
tables.py      one connection, conditional writes, and DynamoDB's failures in our words
case_log.py    ports.CaseLog
read_model.py  ports.ReadModel
inbox.py       ports.Inbox
register.py    ports.CertificateRegister
lookups.py     ports.Lookups
"""
