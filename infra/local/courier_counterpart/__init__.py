"""A courier for the local hall: takes orders and reports as real couriers do, in their own formats.

book      parcels, what happened to them, and the pushes still to be delivered (SQLite)
dialects  the couriers' wire formats, from the courier's side
chaos     faults to order: lost, doubled and late pushes, refused and unanswered orders, lost parcels
postman   delivers pushes to the hall until each is acknowledged
app       the HTTP side, with the handheld page
"""
