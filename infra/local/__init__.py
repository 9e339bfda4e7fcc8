"""The local hall: the whole of Doorstep on one machine, everything on loopback.

bootstrap   makes the Python environments; needs nothing but Python itself
hall        brings everything up stage by stage, watches it, takes it down
layout      where things are: ports, addresses, the state directory
children    processes that the hall starts
ports       who holds a port
cloud       the emulated AWS
deployment  the CloudFormation stack, and what the emulator leaves out of it
secrets     keys that hall and counterparts share
staff       the people at the desk
messages    what the hall told applicants
edge        what CloudFront is in the cloud
s3          S3 as browsers and functions see it
scanner     what GuardDuty is in the cloud
forget      throws the state away
"""
